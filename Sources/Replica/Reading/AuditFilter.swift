internal import Bytes
internal import JSON
internal import Records
internal import Views

/// What a search of the audit view asks of an item, in the log's own words.
struct AuditFilter {
    /// One of these patients, by key id; nil: any.
    private var patients: [UInt64]?
    /// One of these actors or on-behalf-of references, by token; nil: any.
    private var agents: [UInt64]?
    private var actions: [String]?
    private var outcomes: [AuditOutcome]?
    private var dates: [[DateSearch]] = []
    private var ids: [String]?
    /// Other parameters were given, which no AuditEvent has.
    private(set) var isImpossible = false

    init(_ query: SearchQuery, _ tenant: Tenant, keyID: (String) -> UInt64?) {
        for parameter in query.parameters {
            switch parameter {
            case .patient(let ids): patients = Self.both(patients, ids.compactMap(keyID))
            case .agent(let names):
                agents = Self.both(agents, names.flatMap { [tenant.actor($0), tenant.reference($0)] })
            case .action(let values): actions = Self.both(actions, values)
            case .outcome(let values): outcomes = Self.both(outcomes, values)
            case .date(let values): dates.append(values)
            case .id(let values): ids = Self.both(ids, values)
            case .identifier, .name, .family, .given, .birthDate, .phone, .practitioner, .location, .actor, .status:
                isImpossible = true
            }
        }
        if patients?.isEmpty == true || agents?.isEmpty == true { isImpossible = true }
    }

    private static func both<Value: Equatable>(_ known: [Value]?, _ more: [Value]) -> [Value] {
        known.map { $0.filter(more.contains) } ?? more
    }

    /// The patients asked for, for the record of the search.
    var subjects: [UInt64] { patients ?? [] }

    /// The shortest list that has every match.
    var scope: AuditScope {
        if let patients, patients.count == 1 { return .subject(patients[0]) }
        return .all
    }

    /// The scope and its window say it all: nothing is left to look at.
    var isScopeAlone: Bool {
        guard agents == nil, actions == nil, outcomes == nil, ids == nil, dates.isEmpty else { return false }
        return patients.map { $0.count == 1 } ?? false
    }

    func takes<Store>(_ item: AuditItem, _ replica: Replica<Store>, _ tenant: Tenant) throws(Problem) -> Bool {
        switch item {
        case .event(let position):
            let (frame, place, transaction) = try replica.event(at: position)
            guard transaction.tenant == tenant.id, takes(id: "e-\(position)"), takes(transaction.stamp),
                takes(agents, [transaction.actor, transaction.behalf]),
                outcomes.map({ $0.contains(.success) }) ?? true
            else { return false }
            let isGone = place.shape.contains(.isGone)
            guard actions.map({ $0.contains(place.creation != nil ? "C" : isGone ? "D" : "U") }) ?? true else {
                return false
            }
            guard let patients, patients.count > 1 else { return true }
            if let named = try? place.namedSubjects(in: frame.body) { return named.contains(where: patients.contains) }
            guard place.creation == nil else { return false }
            return try replica.openEvent(at: position).subjects.contains(where: patients.contains)
        case .record(let number):
            guard takes(id: "r-\(number)") else { return false }
            let facts = try replica.openRecord(number).facts
            return facts.tenant == tenant.id && takes(facts.stamp) && takes(agents, [facts.actor, facts.behalf])
                && outcomes.map { $0.contains(facts.outcome) } ?? true
                && actions.map { $0.contains(facts.code.action) } ?? true
                && patients.map { facts.subjects.contains(where: $0.contains) } ?? true
        }
    }

    private func takes(id: String) -> Bool { ids.map { $0.contains(id) } ?? true }

    private func takes(_ stamp: Instant) -> Bool {
        dates.allSatisfy { alternatives in alternatives.contains { $0.holds(for: stamp) } }
    }

    private func takes(_ wanted: [UInt64]?, _ tokens: [UInt64]) -> Bool {
        wanted.map { wanted in tokens.contains { $0 != 0 && wanted.contains($0) } } ?? true
    }
}

extension Replica {
    /// The type an event's JSON names.
    static func type(of event: [UInt8]) -> String? {
        guard let text = try? JSONText(parsing: event), let node = text["type"] else { return nil }
        return text.string(node)
    }
}
