internal import Bytes
internal import JSON
internal import Records
internal import Views

/// What a search of the audit view asks of an item, in the log's own words. All lists must hold, each by any of its
/// values.
struct AuditFilter {
    /// Patients by key id.
    private var patients: [[UInt64]] = []
    /// Actors or on-behalf-of references by token.
    private var agents: [[UInt64]] = []
    private var actions: [[String]] = []
    private var outcomes: [[AuditOutcome]] = []
    private var dates: [[DateSearch]] = []
    /// The items named by `_id`, in no order; nil: any.
    private(set) var named: [AuditItem]?
    /// No item can match.
    private(set) var isImpossible = false

    init(_ query: SearchQuery, _ tenant: Tenant, _ book: Book, keyID: (String) -> UInt64?) {
        for parameter in query.parameters {
            switch parameter {
            case .patient(let ids): patients.append(ids.compactMap(keyID))
            case .agent(let names):
                // Most names are of one kind: what never acted is not looked for.
                let tokens = Set(names.flatMap { [tenant.actor($0), tenant.reference($0)] }).sorted()
                agents.append(tokens.filter { book.auditCount(.actor($0), through: book.cut) > 0 })
            case .action(let values): actions.append(values)
            case .outcome(let values): outcomes.append(values)
            case .date(let values): dates.append(values)
            case .id(let values):
                let items = Set(values.compactMap(AuditItem.init(name:)))
                named = Array(named.map { items.intersection($0) } ?? items)
            case .identifier, .name, .family, .given, .birthDate, .phone, .practitioner, .location, .actor, .status:
                isImpossible = true
            }
        }
        if patients.contains(where: \.isEmpty) || agents.contains(where: \.isEmpty) { isImpossible = true }
    }

    /// The patients asked for, for the record of the search.
    var subjects: [UInt64] { Set(patients.joined()).sorted() }

    /// The shortest list that has every match.
    func scope(_ book: Book) -> AuditScope {
        let scopes =
            patients.filter { $0.count == 1 }.map { AuditScope.subject($0[0]) }
            + agents.filter { $0.count == 1 }.map { AuditScope.actor($0[0]) }
        return scopes.min { book.auditCount($0, through: book.cut) < book.auditCount($1, through: book.cut) } ?? .all
    }

    /// The scope and its window say it all: nothing is left to look at.
    var isScopeAlone: Bool {
        guard actions.isEmpty, outcomes.isEmpty, dates.isEmpty, named == nil else { return false }
        return patients.count + agents.count == 1 && (patients + agents).allSatisfy { $0.count == 1 }
    }

    /// Whether an item matches; from deciding parts alone, without a key.
    func takes<Store>(_ item: AuditItem, _ replica: Replica<Store>, _ tenant: Tenant) throws(Problem) -> Bool {
        switch item {
        case .event(let position):
            let (frame, place, transaction) = try replica.event(at: position)
            let isGone = place.shape.contains(.isGone)
            guard transaction.tenant == tenant.id, takes(transaction.stamp),
                takes(agents, of: [transaction.actor, transaction.behalf]),
                outcomes.allSatisfy({ $0.contains(.success) }),
                actions.allSatisfy({ $0.contains(place.creation != nil ? "C" : isGone ? "D" : "U") })
            else { return false }
            guard !patients.isEmpty else { return true }
            if place.rewind != nil {
                return patients.allSatisfy { wanted in
                    wanted.contains { replica.book.concerns(event: position, subject: $0) }
                }
            }
            return takes(patients, of: try replica.subjects(of: place, in: frame))
        case .record(let number):
            let facts = try replica.recordFacts(number)
            return facts.tenant == tenant.id && takes(facts.stamp) && takes(agents, of: [facts.actor, facts.behalf])
                && outcomes.allSatisfy { $0.contains(facts.outcome) }
                && actions.allSatisfy { $0.contains(facts.code.action) } && takes(patients, of: facts.subjects)
        }
    }

    private func takes(_ stamp: Instant) -> Bool {
        dates.allSatisfy { alternatives in alternatives.contains { $0.holds(for: stamp) } }
    }

    private func takes(_ lists: [[UInt64]], of tokens: [UInt64]) -> Bool {
        lists.allSatisfy { wanted in tokens.contains { $0 != 0 && wanted.contains($0) } }
    }
}

extension AuditItem {
    /// From the id of an AuditEvent; nil when none can have it.
    init?(name: String) {
        guard name.utf8.count > 2, let number = UInt64(name.dropFirst(2)), number > 0,
            String(number) == name.dropFirst(2)
        else { return nil }
        if name.hasPrefix("e-") {
            self = .event(number)
        } else if name.hasPrefix("r-") {
            self = .record(number)
        } else {
            return nil
        }
    }

    func isWithin(_ cut: Cut) -> Bool {
        switch self {
        case .event(let position): position <= cut.position
        case .record(let number): number <= cut.record
        }
    }
}

extension Replica {
    /// The type an event's JSON names.
    static func type(of event: [UInt8]) -> String? {
        guard let text = try? JSONText(parsing: event), let node = text["type"] else { return nil }
        return text.string(node)
    }
}
