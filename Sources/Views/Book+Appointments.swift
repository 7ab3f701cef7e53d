package import Bytes
package import Records

// Appointments: current facts, busy times, and everything that ever stood under a day, an actor or a subject.
extension Book {
    /// The facts after the stream's last event; nil when it is no appointment.
    package func appointment(of stream: StreamOrdinal) -> AppointmentFacts? {
        appointment(of: streams[Int(stream.raw)])
    }

    /// The status after the stream's last event; nil when it is no appointment.
    package func appointmentStatus(of stream: StreamOrdinal) -> AppointmentStatus? {
        let cell = streams[Int(stream.raw)]
        return cell.appointment == 0 ? nil : appointments[Int(cell.appointment) - 1].status
    }

    /// Appointments of a tenant that have this status now.
    package func appointmentCount(status: AppointmentStatus, tenant: UInt32) -> Int {
        guard let tenant = tenants.firstIndex(of: tenant) else { return 0 }
        return statusCounts[tenant * 16 + Int(status.rawValue)]
    }

    /// Streams that stood under `key` after any of their events: ascending, without repeats, a superset of those that
    /// do at a given cut. The caller checks the facts at its cut (current ones by `appointment(of:)`).
    package func appointments(_ key: AppointmentKey, tenant: UInt32) -> [StreamOrdinal] {
        var found: [UInt32] =
            switch key {
            case .day(let day):
                bookings.values(of: Self.key(day: day, tenant)) + bookings.values(of: Self.longKey(tenant))
            case .practitioner(let token), .location(let token): bookings.values(of: Self.key(actor: token))
            case .actorOnDay(let token, let day):
                bookings.values(of: Self.key(actor: token, day: day)) + bookings.values(of: Self.longKey(actor: token))
            case .subject(let keyID):
                streamsOfSubject.values(of: keyID).filter { streams[Int($0)].category == .appointment }
            }
        found.sort()
        var kept = 0
        for ordinal in found where kept == 0 || found[kept - 1] != ordinal {
            found[kept] = ordinal
            kept += 1
        }
        return found[..<kept].map { StreamOrdinal(raw: $0) }
    }

    /// A booking that takes the practitioner or location within half-open [start, end) now, the earliest (by start,
    /// then by creation); streams that `isExcluded` are passed over.
    package func overlapping(
        actor token: UInt64, from start: Instant, to end: Instant, excluding isExcluded: (StreamOrdinal) -> Bool
    ) -> Overlap? {
        guard start < end, let actor = actors.ordinal(of: token) else { return nil }
        var earliest: Overlap?
        func consider(_ ordinals: [UInt32]) {
            for raw in ordinals {
                let cell = streams[Int(raw)]
                guard cell.appointment != 0, cell.state == .live else { continue }
                let booking = appointments[Int(cell.appointment) - 1]
                guard booking.status.isBusy, let from = booking.start, let to = booking.end, from < end, start < to,
                    holds(actor, booking.practitioners) || holds(actor, booking.locations)
                else { continue }
                let stream = StreamOrdinal(raw: raw)
                if let found = earliest, (found.start, found.stream) <= (from, stream) { continue }
                if isExcluded(stream) { continue }
                earliest = Overlap(stream: stream, start: from, end: to)
            }
        }
        if let days = Self.days(from: start, to: end) {
            for day in days { consider(bookings.values(of: Self.key(actor: token, day: day))) }
            consider(bookings.values(of: Self.longKey(actor: token)))
        } else {
            consider(bookings.values(of: Self.key(actor: token)))
        }
        return earliest
    }

    package func overlapping(
        actor token: UInt64, from start: Instant, to end: Instant, excluding stream: StreamOrdinal? = nil
    ) -> Overlap? {
        overlapping(actor: token, from: start, to: end) { $0 == stream }
    }

    func appointment(of cell: StreamCell) -> AppointmentFacts? {
        guard cell.appointment != 0, cell.state != .absent else { return nil }
        let booking = appointments[Int(cell.appointment) - 1]
        return AppointmentFacts(
            status: booking.status, start: booking.start, end: booking.end,
            practitioners: words(booking.practitioners, in: actors), locations: words(booking.locations, in: actors),
            hasCancelationReason: booking.hasCancelationReason, allowsOverlap: booking.allowsOverlap)
    }

    private func holds(_ ordinal: UInt32, _ reference: ListReference) -> Bool {
        (0..<overflow.count(of: reference)).contains { overflow.ordinal($0, of: reference) == ordinal }
    }

    // Keys of `bookings`: hashes, so that two may share a list; whoever reads one looks at the rows.

    static func key(actor token: UInt64) -> UInt64 { Mix.pair(1, token) }
    static func key(actor token: UInt64, day: Int) -> UInt64 {
        Mix.pair(Mix.pair(2, token), UInt64(bitPattern: Int64(day)))
    }
    static func longKey(actor token: UInt64) -> UInt64 { Mix.pair(3, token) }
    static func key(day: Int, _ tenant: UInt32) -> UInt64 {
        Mix.pair(Mix.pair(4, UInt64(tenant)), UInt64(bitPattern: Int64(day)))
    }
    static func longKey(_ tenant: UInt32) -> UInt64 { Mix.pair(5, UInt64(tenant)) }

    /// The UTC days that half-open [start, end) touches; nil when they are more than seven: such a booking stands in
    /// lists of its own, which every search by day also reads.
    static func days(from start: Instant, to end: Instant) -> ClosedRange<Int>? {
        let first = start.daysSinceEpoch
        let last = max(first, Instant(microseconds: end.microseconds - 1).daysSinceEpoch)
        return last - first < 7 ? first...last : nil
    }
}
