import Bytes
import Records

/// JSON as a test understands it, read and merged by code of its own.
indirect enum Plain: Equatable {
    case null
    case bool(Bool)
    /// Letter by letter.
    case number(String)
    case string(String)
    case array([Plain])
    case object([String: Plain])

    init(_ bytes: [UInt8]) {
        var at = 0
        self = Plain.value(bytes, &at)
    }

    subscript(_ name: String) -> Plain? { if case .object(let members) = self { members[name] } else { nil } }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var elements: [Plain] { if case .array(let elements) = self { elements } else { [] } }

    /// RFC 7396.
    static func merged(_ target: Plain?, _ patch: Plain) -> Plain {
        guard case .object(let changes) = patch else { return patch }
        var members: [String: Plain] = [:]
        if case .object(let old)? = target { members = old }
        for (name, change) in changes {
            members[name] = change == .null ? nil : merged(members[name], change)
        }
        return .object(members)
    }

    // What a store keeps is well-formed, so that nothing is checked here.

    private static func value(_ bytes: [UInt8], _ at: inout Int) -> Plain {
        skip(bytes, &at)
        switch bytes[at] {
        case 0x7b:
            var members: [String: Plain] = [:]
            at += 1
            skip(bytes, &at)
            while bytes[at] != 0x7d {
                if bytes[at] == 0x2c { at += 1 }
                skip(bytes, &at)
                let name = string(bytes, &at)
                skip(bytes, &at)
                at += 1
                members[name] = value(bytes, &at)
                skip(bytes, &at)
            }
            at += 1
            return .object(members)
        case 0x5b:
            var elements: [Plain] = []
            at += 1
            skip(bytes, &at)
            while bytes[at] != 0x5d {
                if bytes[at] == 0x2c { at += 1 }
                elements.append(value(bytes, &at))
                skip(bytes, &at)
            }
            at += 1
            return .array(elements)
        case 0x22: return .string(string(bytes, &at))
        default:
            let start = at
            while at < bytes.count, ![0x2c, 0x7d, 0x5d, 0x20, 0x0a].contains(bytes[at]) { at += 1 }
            switch String(decoding: bytes[start..<at], as: UTF8.self) {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            case let digits: return .number(digits)
            }
        }
    }

    private static func string(_ bytes: [UInt8], _ at: inout Int) -> String {
        var units: [UInt8] = []
        at += 1
        while bytes[at] != 0x22 {
            guard bytes[at] == 0x5c else {
                units.append(bytes[at])
                at += 1
                continue
            }
            switch bytes[at + 1] {
            case 0x6e: units.append(0x0a)
            case 0x74: units.append(0x09)
            case 0x75:
                // Letters beyond the first plane come unescaped from the generator.
                let code = String(decoding: bytes[(at + 2)..<(at + 6)], as: UTF8.self)
                let scalar = UInt32(code, radix: 16).flatMap(Unicode.Scalar.init) ?? "?"
                units.append(contentsOf: String(scalar).utf8)
                at += 4
            default: units.append(bytes[at + 1])
            }
            at += 2
        }
        at += 1
        return String(decoding: units, as: UTF8.self)
    }

    private static func skip(_ bytes: [UInt8], _ at: inout Int) {
        while at < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[at]) { at += 1 }
    }
}

/// A store as dumb as can be: every event in a list, every question answered by going through all of it.
struct ReadingTwin {
    struct Event {
        var position: UInt64
        var stamp: Instant
        var subject: String
        var type: String
        var version: UInt64
        var json: [UInt8]
        var plain: Plain
        /// Of the transaction it came with.
        var first: UInt64
        var last: UInt64
        /// Of a rewind: what it went back to.
        var target: UInt64?
    }

    struct Version: Equatable {
        var version: UInt64
        var stamp: Instant
        /// nil: it is gone.
        var resource: Plain?
    }

    /// A version and what the next one is folded onto.
    private struct Fold {
        var position: UInt64
        var version: UInt64
        var stamp: Instant
        var resource: Plain?
        var isGone: Bool
    }

    var events: [Event] = []
    /// The last position and the stamp of each transaction.
    var ends: [(position: UInt64, stamp: Instant)] = []
    private var versions: [String: UInt64] = [:]

    mutating func append(_ incoming: [IncomingEvent], _ reply: Appended) {
        guard !reply.isRepeat else { return }
        for (event, placed) in zip(incoming, reply.events) {
            let plain = Plain(event.bytes)
            let subject = plain["subject"]?.text ?? ""
            versions[subject, default: 0] += 1
            events.append(
                Event(
                    position: UInt64(events.count) + 1, stamp: placed.recorded, subject: subject,
                    type: plain["type"]?.text ?? "", version: versions[subject] ?? 0, json: event.bytes, plain: plain,
                    first: 0, last: 0))
        }
        let last = UInt64(events.count)
        for at in (events.count - incoming.count)..<events.count {
            events[at].first = last - UInt64(incoming.count) + 1
            events[at].last = last
        }
        if let stamp = reply.events.last?.recorded { ends.append((last, stamp)) }
    }

    /// A rewind that was made.
    mutating func rewind(to target: UInt64, at position: UInt64, stamp: Instant) {
        for subject in subjects where folds(subject, through: position).last.map({ $0.position > target }) ?? false {
            versions[subject, default: 0] += 1
        }
        events.append(
            Event(
                position: position, stamp: stamp, subject: "", type: "chartlog.rewound", version: 0, json: [],
                plain: .null, first: position, last: position, target: target))
        ends.append((position, stamp))
    }

    /// The versions of a stream that a rewind made.
    func touched(_ subject: String, at position: UInt64) -> UInt64? {
        folds(subject, through: position).last.flatMap { $0.position == position ? $0.version : nil }
    }

    func position(asOf instant: Instant) -> UInt64 { ends.last { $0.stamp <= instant }?.position ?? 0 }

    var subjects: [String] {
        var seen: Set<String> = []
        return events.map(\.subject).filter { $0 != "" && seen.insert($0).inserted }
    }

    /// Every version of a stream, oldest first.
    func history(_ subject: String, through position: UInt64) -> [Version] {
        folds(subject, through: position).map {
            Version(version: $0.version, stamp: $0.stamp, resource: $0.isGone ? nil : $0.resource)
        }
    }

    private func folds(_ subject: String, through position: UInt64) -> [Fold] {
        var resource: Plain?
        var found: [Fold] = []
        for event in events where event.position <= position && (event.subject == subject || event.target != nil) {
            if let target = event.target {
                guard let last = found.last, last.position > target else { continue }
                let then = found.last { $0.position <= target }
                resource = then?.resource
                found.append(
                    Fold(
                        position: event.position, version: last.version + 1, stamp: event.stamp, resource: resource,
                        isGone: then?.isGone ?? true))
                continue
            }
            let isPatch = event.plain["datacontenttype"]?.text == "application/merge-patch+json"
            let data = event.plain["data"]
            let named = data?["resourceType"]?.text?.lowercased() ?? "?"
            let isFolded = isPatch || subject.hasPrefix(named + "/")
            if let data, isFolded { resource = isPatch ? Plain.merged(resource, data) : data }
            if case .object(var members)? = resource {
                let said = isFolded ? data : nil
                if let status = Self.implied[event.type], said?["status"] == nil { members["status"] = .string(status) }
                if let active = Self.active(event.type, said), said?["active"] == nil {
                    members["active"] = .bool(active)
                }
                resource = .object(members)
            }
            let isGone = event.type.hasSuffix(".entered-in-error")
            found.append(
                Fold(
                    position: event.position, version: event.version, stamp: event.stamp, resource: resource,
                    isGone: isGone))
        }
        return found
    }

    func resources(_ category: String, through position: UInt64) -> [(id: String, resource: Plain)] {
        subjects.filter { $0.hasPrefix(category + "/") }.compactMap { subject in
            guard let resource = history(subject, through: position).last?.resource else { return nil }
            return (String(subject.dropFirst(category.count + 1)), resource)
        }
    }

    private static let implied = [
        "appointment.proposed": "proposed", "appointment.requested": "proposed", "appointment.waitlisted": "waitlist",
        "appointment.held": "pending", "appointment.hold-expired": "proposed", "appointment.booked": "booked",
        "appointment.arrived": "arrived", "appointment.checked-in": "checked-in",
        "appointment.fulfilled": "fulfilled", "appointment.cancelled": "cancelled", "appointment.no-show": "noshow",
        "appointment.entered-in-error": "entered-in-error",
    ]

    private static func active(_ type: String, _ said: Plain?) -> Bool? {
        switch type {
        case "patient.deactivated": false
        case "patient.reactivated", "patient.unmerged": true
        case "patient.merged":
            said?["link"]?.elements.contains { $0["type"]?.text == "replaced-by" } == true ? false : nil
        default: nil
        }
    }
}

extension Plain {
    var families: [String] { (self["name"]?.elements ?? []).compactMap { $0["family"]?.text } }
    var identifiers: [String] { (self["identifier"]?.elements ?? []).compactMap { $0["value"]?.text } }
    var phones: [String] {
        (self["telecom"]?.elements ?? []).filter { $0["system"]?.text == "phone" }.compactMap { $0["value"]?.text }
    }
    var actors: [String] {
        (self["participant"]?.elements ?? []).compactMap { $0["actor"]?["reference"]?.text }
    }
}
