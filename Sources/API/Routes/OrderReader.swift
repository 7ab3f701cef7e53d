import JSON
import Records

/// What an operator may order by POST, by the last segment of its path.
package enum OrderKind: String, CaseIterable, Sendable {
    /// `{"to": N}`, or nothing: whoever is fit is to lead.
    case handover
    /// `{"to": N}`, or nothing: the replica that is asked is to lead, and N is its id. It is not forwarded.
    case takeover
    /// `{"leaving": N, "joining": M}`, or without `joining`: the first spare that is fit.
    case replacements
    /// `{"joining": N}` or `{"leaving": N}`: one more, or one fewer, that votes. A replica that is new to the cluster
    /// joins with the place where it will be: `address`, `peerPort` and `clientPort`.
    case members
    /// Nothing: the primary's clock is right, though it jumped ahead.
    case clock
    /// `{"asof": "INSTANT or POSITION"}`, and `"apply": true` to do it: the store goes back there. Without, what that
    /// would do is answered.
    case restores
    /// `{"to": "/DIRECTORY"}`, or nothing: to where config.json says. The replica that is asked makes a backup; it is
    /// not forwarded.
    case backups
    /// `{"backup": N, "position": N, "loss_ms": N, "restore_ms": N, "right": true}`: a restore was tried out.
    case drills

    /// Its path is below that of the cluster.
    var isOfCluster: Bool {
        switch self {
        case .handover, .takeover, .replacements, .members, .clock, .drills: true
        case .restores, .backups: false
        }
    }

    /// The work goes on after the answer: 202, and where to watch it.
    var isLong: Bool {
        switch self {
        case .handover, .takeover, .clock, .restores, .drills: false
        case .replacements, .members, .backups: true
        }
    }
}

/// The body of an order: one JSON object of replica ids.
enum OrderReader {
    /// More than any id has; what it is exactly, the replica knows.
    private static let idMax: Int64 = 1 << 20

    static func read(_ kind: OrderKind, _ request: HTTPRequest) throws(Problem) -> OperatorOrder {
        try Inquiry.refuseCoded(request.head)
        try Inquiry.query(request.head).refuseLeft()
        try Negotiation.json(request.head.list(.accept))
        let ids = try Ids(request, kind)
        switch kind {
        case .handover: return .handover(to: ids["to"])
        case .takeover: return .takeOver(by: ids["to"])
        case .clock: return .acceptClock
        case .backups: return .backUp(to: ids.directory)
        case .drills: return .noteDrill(try ids.drill())
        case .restores:
            guard let target = ids.target else { throw missing("asof") }
            return .rewind(to: target, applies: ids.applies)
        case .replacements:
            guard let leaving = ids["leaving"] else { throw missing("leaving") }
            return .replace(leaving, with: ids["joining"])
        case .members:
            switch (ids["joining"], ids["leaving"]) {
            case (let joining?, nil): return .add(joining, at: try ids.place(of: joining))
            case (nil, let leaving?) where !ids.namesPlace: return .remove(leaving)
            default:
                throw Problem(
                    .malformedRequest, "Name one replica, joining or leaving; to do both, order a replacement.")
            }
        }
    }

    private static func missing(_ name: String) -> Problem {
        let detail: StaticString =
            name == "asof"
            ? "Say to which instant, with its offset, or to which position." : "Name the replica that leaves."
        return Problem(.malformedRequest, detail, [.member(name)])
    }

    /// The members of the body, nearly each a replica's id.
    private struct Ids {
        private var found: [(name: String, id: Int)] = []
        private var address: String?
        private(set) var target: AsOf?
        private(set) var applies = false
        private(set) var directory: String?
        private var numbers: [(name: String, value: UInt64)] = []
        private var isRight: Bool?

        func drill() throws(Problem) -> DrillReport {
            func number(_ name: String) throws(Problem) -> UInt64 {
                guard let found = numbers.first(where: { $0.name == name }) else { throw Self.incomplete }
                return found.value
            }
            guard let isRight else { throw Self.incomplete }
            return DrillReport(
                backup: try number("backup"), position: try number("position"), lossMilliseconds: try number("loss_ms"),
                restoreMilliseconds: try number("restore_ms"), isRight: isRight)
        }

        private static var incomplete: Problem {
            Problem(.malformedRequest, "A drill's report has all its members: see /openapi.json.")
        }

        subscript(_ name: String) -> Int? { found.first { $0.name == name }?.id }

        var namesPlace: Bool { address != nil || self["peerPort"] != nil || self["clientPort"] != nil }

        /// Where a new replica will be; nil when nothing is said of it.
        func place(of id: Int) throws(Problem) -> Place? {
            guard namesPlace else { return nil }
            guard let address, let peerPort = self["peerPort"], let clientPort = self["clientPort"],
                max(peerPort, clientPort) <= 65_535, peerPort != clientPort
            else {
                throw Problem(
                    .malformedRequest, "A place is a numeric address and two ports, peerPort and clientPort.")
            }
            return Place(id: id, address: address, peerPort: peerPort, clientPort: clientPort)
        }

        init(_ request: HTTPRequest, _ kind: OrderKind) throws(Problem) {
            guard !request.body.isEmpty else { return }
            let type = MediaType.essence(try RequestFields.single(.contentType, request.head) ?? "")
            guard type == "application/json" else {
                throw Problem(.unsupportedMediaType, "Send the order as application/json.")
            }
            let text: JSONText
            do throws(JSONError) { text = try JSONText(parsing: request.body) } catch {
                throw Problem(.badJSON, "Send one JSON object.", [.offset(error.offset)])
            }
            guard text.kind(of: text.root) == .object else {
                throw Problem(.malformedRequest, "An order is one JSON object.")
            }
            for (nameNode, value) in text.members(of: text.root) {
                guard let name = text.string(nameNode), kind.names.contains(name) else {
                    throw Problem(.malformedRequest, "Leave out what the order does not know: see /openapi.json.")
                }
                if name == "address" {
                    guard address == nil, let said = text.string(value), Place.isNumeric(said) else {
                        throw Problem(.malformedRequest, "An address is numeric.", [.member(name)])
                    }
                    address = said
                    continue
                }
                if kind == .backups {
                    guard let said = text.string(value), said.hasPrefix("/"), said.utf8.count <= 4096,
                        !said.utf8.contains(0)
                    else {
                        throw Problem(
                            .malformedRequest, "A directory is a path from the root on, on the replica's machine.",
                            [.member(name)])
                    }
                    directory = said
                    continue
                }
                if kind == .drills {
                    if name == "right", let said = text.bool(value) {
                        isRight = said
                        continue
                    }
                    guard name != "right", let said = text.integer(value), said >= 0 else {
                        throw Problem(.malformedRequest, "Numbers are whole, right is true or false.", [.member(name)])
                    }
                    numbers.append((name, UInt64(said)))
                    continue
                }
                if name == "asof" {
                    guard target == nil, let said = text.string(value) else {
                        throw Problem(.malformedRequest, "An instant or a position is a text.", [.member(name)])
                    }
                    target = try ParameterValues.asOf(said)
                    continue
                }
                if name == "apply" {
                    guard let said = text.bool(value) else {
                        throw Problem(.malformedRequest, "Say true or false.", [.member(name)])
                    }
                    applies = said
                    continue
                }
                guard let id = text.integer(value), (1...OrderReader.idMax).contains(id) else {
                    throw Problem(.malformedRequest, "A replica is named by its number.", [.member(name)])
                }
                found.append((name, Int(id)))
            }
        }
    }
}

extension OrderKind {
    fileprivate var names: [String] {
        switch self {
        case .handover, .takeover: ["to"]
        case .replacements: ["leaving", "joining"]
        case .members: ["leaving", "joining", "address", "peerPort", "clientPort"]
        case .clock: []
        case .restores: ["asof", "apply"]
        case .backups: ["to"]
        case .drills: ["backup", "position", "loss_ms", "restore_ms", "right"]
        }
    }
}
