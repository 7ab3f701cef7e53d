internal import Bytes
internal import Records

// Folding an appointment's facts: its cell, the counts by status, and the lists it newly belongs to.
extension Book {
    mutating func fold(_ facts: AppointmentFacts, of stream: UInt32, tenant: UInt32, into cell: inout StreamCell) {
        let counts = Int(cell.tenant) * 16
        let isNew = cell.appointment == 0
        if isNew {
            appointments.append(AppointmentCell(status: facts.status))
            cell.appointment = UInt32(appointments.count)
        }
        let at = Int(cell.appointment) - 1
        var booking = appointments[at]
        if !isNew { statusCounts[counts + Int(booking.status.rawValue)] -= 1 }
        statusCounts[counts + Int(facts.status.rawValue)] += 1

        let samePractitioners = isSame(booking.practitioners, facts.practitioners, in: actors)
        let sameLocations = isSame(booking.locations, facts.locations, in: actors)
        if !samePractitioners || !sameLocations || booking.start != facts.start || booking.end != facts.end {
            list(stream, from: booking, to: facts, tenant: tenant)
        }
        if !samePractitioners {
            booking.practitioners = overflow.reference(to: facts.practitioners.map { actors.number($0) })
        }
        if !sameLocations { booking.locations = overflow.reference(to: facts.locations.map { actors.number($0) }) }
        booking.status = facts.status
        booking.start = facts.start
        booking.end = facts.end
        booking.hasCancelationReason = facts.hasCancelationReason
        booking.allowsOverlap = facts.allowsOverlap
        appointments[at] = booking
    }

    /// Adds the stream to the lists of actors and days under which it did not stand just before.
    private mutating func list(
        _ stream: UInt32, from before: AppointmentCell, to facts: AppointmentFacts, tenant: UInt32
    ) {
        let actorsBefore = words(before.practitioners, in: actors) + words(before.locations, in: actors)
        let span = Span(facts.start, facts.end)
        let spanBefore = Span(before.start, before.end)
        switch span {
        case .none: break
        case .days(let days):
            for day in days where !spanBefore.holds(day) { bookings.append(stream, to: Self.key(day: day, tenant)) }
        case .long: if spanBefore != .long { bookings.append(stream, to: Self.longKey(tenant)) }
        }
        for actor in [facts.practitioners, facts.locations].joined() {
            let stood = actorsBefore.contains(actor)
            if !stood { bookings.append(stream, to: Self.key(actor: actor)) }
            switch span {
            case .none: break
            case .days(let days):
                for day in days where !stood || !spanBefore.holds(day) {
                    bookings.append(stream, to: Self.key(actor: actor, day: day))
                }
            case .long: if !stood || spanBefore != .long { bookings.append(stream, to: Self.longKey(actor: actor)) }
            }
        }
    }

    private enum Span: Equatable {
        case none
        case days(ClosedRange<Int>)
        /// More than seven days.
        case long

        init(_ start: Instant?, _ end: Instant?) {
            guard let start, let end else {
                self = .none
                return
            }
            self = Book.days(from: start, to: end).map { .days($0) } ?? .long
        }

        func holds(_ day: Int) -> Bool {
            if case .days(let days) = self { return days.contains(day) }
            return false
        }
    }
}
