internal import Bytes
internal import Records

/// Appointment facts as the difference to those before them: one byte when only the status stays to be said.
enum AppointmentCodec {
    /// What an appointment is before its first event.
    static let nothing = AppointmentFacts(status: .proposed)

    private static let minute: Int64 = 60_000_000

    /// Appends mask and changes that lead from `before` to `after`.
    static func write(_ after: AppointmentFacts, before: AppointmentFacts, onto writer: inout ByteWriter) {
        let mask = mask(after, before: before)
        writer.u8(mask.rawValue)
        if mask.contains(.status) { writer.u8(after.status.rawValue) }
        if mask.contains(.interval), let start = after.start, let end = after.end {
            if mask.contains(.minutes) {
                writer.varint(UInt64(start.microseconds / minute))
                writer.varint(UInt64((end.microseconds - start.microseconds) / minute))
            } else {
                writer.u64(UInt64(bitPattern: start.microseconds))
                writer.u64(UInt64(bitPattern: end.microseconds))
            }
        }
        if mask.contains(.practitioners) { write(after.practitioners, onto: &writer) }
        if mask.contains(.locations) { write(after.locations, onto: &writer) }
    }

    private static func mask(_ after: AppointmentFacts, before: AppointmentFacts) -> AppointmentMask {
        var mask: AppointmentMask = []
        if after.status != before.status { mask.insert(.status) }
        if after.start != before.start || after.end != before.end {
            if let start = after.start, let end = after.end {
                mask.insert(.interval)
                let inMinutes = start.microseconds % minute == 0 && end.microseconds % minute == 0
                if inMinutes && start.microseconds >= 0 && end >= start { mask.insert(.minutes) }
            } else {
                mask.insert(.noInterval)
            }
        }
        if after.practitioners != before.practitioners { mask.insert(.practitioners) }
        if after.locations != before.locations { mask.insert(.locations) }
        if after.hasCancelationReason != before.hasCancelationReason { mask.insert(.flipsReason) }
        if after.allowsOverlap != before.allowsOverlap { mask.insert(.flipsOverlap) }
        return mask
    }

    private static func write(_ tokens: [UInt64], onto writer: inout ByteWriter) {
        writer.varint(tokens.count)
        for token in tokens { writer.u64(token) }
    }

    /// Passes over one change, and makes nothing of it: an entry may hold one for every appointment there is.
    static func skip(_ reader: inout ByteReader) throws(ByteError) {
        let mask = AppointmentMask(rawValue: try reader.u8())
        if mask.contains(.status), AppointmentStatus(rawValue: try reader.u8()) == nil { throw .malformed }
        if mask.contains(.interval) {
            if mask.contains(.minutes) {
                let limit = Int(Int64.max / minute) / 2
                _ = try reader.count(atMost: limit)
                _ = try reader.count(atMost: limit)
            } else {
                _ = try reader.range(16)
            }
        }
        if mask.contains(.practitioners) { try skipTokens(&reader) }
        if mask.contains(.locations) { try skipTokens(&reader) }
    }

    private static func skipTokens(_ reader: inout ByteReader) throws(ByteError) {
        _ = try reader.range(try reader.count(atMost: reader.remaining / 8) * 8)
    }

    /// The facts after the change that stands at the reader.
    static func apply(_ reader: inout ByteReader, before: AppointmentFacts) throws(ByteError) -> AppointmentFacts {
        var facts = before
        let mask = AppointmentMask(rawValue: try reader.u8())
        if mask.contains(.status) {
            guard let status = AppointmentStatus(rawValue: try reader.u8()) else { throw .malformed }
            facts.status = status
        }
        if mask.contains(.interval) {
            if mask.contains(.minutes) {
                let limit = Int(Int64.max / minute) / 2
                let start = Int64(try reader.count(atMost: limit)) * minute
                facts.start = Instant(microseconds: start)
                facts.end = Instant(microseconds: start + Int64(try reader.count(atMost: limit)) * minute)
            } else {
                facts.start = Instant(microseconds: Int64(bitPattern: try reader.u64()))
                facts.end = Instant(microseconds: Int64(bitPattern: try reader.u64()))
            }
        } else if mask.contains(.noInterval) {
            facts.start = nil
            facts.end = nil
        }
        if mask.contains(.practitioners) { facts.practitioners = try tokens(&reader) }
        if mask.contains(.locations) { facts.locations = try tokens(&reader) }
        if mask.contains(.flipsReason) { facts.hasCancelationReason.toggle() }
        if mask.contains(.flipsOverlap) { facts.allowsOverlap.toggle() }
        return facts
    }

    private static func tokens(_ reader: inout ByteReader) throws(ByteError) -> [UInt64] {
        let count = try reader.count(atMost: reader.remaining / 8)
        var tokens: [UInt64] = []
        tokens.reserveCapacity(count)
        for _ in 0..<count { tokens.append(try reader.u64()) }
        return tokens
    }
}
