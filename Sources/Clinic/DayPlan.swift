import Bytes

/// What happens on one day of the clinic.
extension ClinicGenerator {
    mutating func planNextDay() {
        if stepsPlanned > 0 { calendar.close(day: today) }
        today += 1
        // Visits planned before, then registrations: a day's own steps never rest on a later minute of that day.
        let known = registered
        registerNewPatients()
        followUp()
        attend()
        book(among: known > 0 ? known : registered)
        amend(among: known)
        plan.sort { ($0.minute, $0.order) > ($1.minute, $1.order) }
    }

    private mutating func add(_ minute: Int, _ what: Step.What) {
        plan.append(Step(minute: minute, order: stepsPlanned, what: what))
        stepsPlanned += 1
    }

    /// How many of `yearly` things fall on today: the fraction is drawn.
    private mutating func count(yearly: Double) -> Int {
        let daily = yearly / 365
        let whole = Int(daily)
        return whole + (dice.below(1_000_000) < Int((daily - Double(whole)) * 1_000_000) ? 1 : 0)
    }

    private func isOpen(_ day: Int) -> Bool { Calendar.open(on: day) != 0 }

    // MARK: People

    private mutating func registerNewPatients() {
        let daysPast = min(today - Self.firstDay, 365)
        let target = min(patientCount, max(1, patientCount * 3 / 5) + patientCount * 2 * daysPast / (5 * 365))
        while registered < target {
            let index = registered
            registered += 1
            let minute = 6 * 60 + dice.below(90)
            patients[index].isRegistered = true
            add(minute, .registered(index))
            if dice.chance(3, in: 5) {
                consents.append((consentsMade, index))
                add(minute + 3, .consented(number: consentsMade, patient: index))
                consentsMade += 1
            }
            if patients[index].duplicateOf >= 0 {
                later(5 + dice.below(50), .merge(duplicate: index))
            }
        }
    }

    private mutating func later(_ days: Int, _ what: FollowUp) {
        followUps[(today + min(max(days, 1), Calendar.daysAheadMax)) % followUps.count].append(what)
    }

    private mutating func amend(among known: Int) {
        guard known > 0 else { return }
        let people = Double(known)
        for _ in 0..<count(yearly: people * 1.6) {
            let patient = dice.below(known)
            guard patients[patient].maySeeDoctor else { continue }
            let minute = 8 * 60 + dice.below(600)
            switch dice.below(100) {
            case 0..<45: add(minute, .amended(patient, .phone))
            case 45..<65: add(minute, .amended(patient, .address))
            case 65..<72 where !patients[patient].isMarried:
                patients[patient].isMarried = true
                add(minute, .amended(patient, .married))
            case 72..<82 where !patients[patient].hasSecondIdentifier:
                patients[patient].hasSecondIdentifier = true
                add(minute, .amended(patient, .identifierAdded))
            case 82..<92: add(minute, .amended(patient, .preference))
            case 92..<97: add(minute, .amended(patient, .carer))
            case 97: leave(patient, minute, .deceased)
            case 98:
                leave(patient, minute, .deactivated)
                if dice.chance(1, in: 2) { later(20 + dice.below(40), .reactivate(patient: patient)) }
            default: break
            }
        }
        for _ in 0..<count(yearly: people * 0.05) where !consents.isEmpty {
            let at = dice.below(consents.count)
            let consent = consents[at]
            // Granted before today, so told before.
            guard consent.patient < known else { continue }
            consents.swapAt(at, consents.count - 1)
            consents.removeLast()
            add(9 * 60 + dice.below(480), .withdrew(number: consent.number, patient: consent.patient))
        }
        for _ in 0..<count(yearly: people * 0.08) {
            add(10 * 60 + dice.below(360), .disclosed(number: disclosuresMade, patient: dice.below(known)))
            disclosuresMade += 1
        }
    }

    private mutating func leave(_ patient: Int, _ minute: Int, _ amendment: Amendment) {
        patients[patient].maySeeDoctor = false
        add(minute, .amended(patient, amendment))
    }

    // MARK: Visits

    private mutating func book(among known: Int) {
        let share = isOpen(today) ? 5.4 * 1.2 : 5.4 * 0.15
        for _ in 0..<count(yearly: Double(known) * share) {
            let patient = dice.below(known)
            guard patients[patient].maySeeDoctor else { continue }
            bookOne(for: patient)
        }
    }

    private mutating func bookOne(for patient: Int) {
        let own = patients[patient].practitioner
        let practitioner = dice.chance(7, in: 10) ? own : dice.below(practitionerCount)
        let service = dice.below(Service.all.count)
        let units = Service.all[service].units
        guard let (day, unit) = findTime(practitioner: practitioner, units: units) else { return }
        let relative = companion(of: patient)
        let visit = Visit(
            number: 0, patient: patient, relative: relative, practitioner: practitioner, day: day, unit: unit,
            units: units, service: service)
        let slot = visits.add(visit)
        let number = visits[slot].number
        let minute = 7 * 60 + 40 + dice.below(600)
        let lead = day - today
        switch lead > 7 ? dice.below(100) : 99 {
        case 0..<8:
            add(minute, .visit(visits[slot], .held))
            add(minute + 5 + dice.below(20), .visit(visits[slot], .responded))
            add(minute + 30, .visit(visits[slot], .accepted))
        case 8..<13:
            add(minute, .visit(visits[slot], .proposed))
            later(1 + dice.below(3), .accept(slot: slot, number: number))
        case 13..<17:
            add(minute, .visit(visits[slot], .waitlisted))
            later(1 + dice.below(5), .accept(slot: slot, number: number))
        default:
            add(minute, .visit(visits[slot], .booked))
        }
        guard lead > 7 else { return }
        switch dice.below(100) {
        case 0..<15: later(6 + dice.below(lead - 6), .move(slot: slot, number: number))
        case 15..<24: later(6 + dice.below(lead - 6), .cancel(slot: slot, number: number))
        case 24..<40: later(6 + dice.below(lead - 6), .note(slot: slot, number: number))
        default: break
        }
    }

    /// A free time within the next weeks, tried on up to six days: soon more often than late.
    private mutating func findTime(practitioner: Int, units: Int) -> (day: Int, unit: Int)? {
        for _ in 0..<6 {
            let ahead = 6 + min(dice.below(50), dice.below(50))
            let day = today + (dice.chance(1, in: 4) ? 1 + dice.below(6) : ahead)
            let unit = calendar.take(practitioner: practitioner, day: day, count: units, earliest: 0, dice: &dice)
            if let unit { return (day, unit) }
        }
        return nil
    }

    /// A neighbour of the same household, now and then.
    private mutating func companion(of patient: Int) -> Int {
        guard dice.chance(4, in: 100) else { return -1 }
        for other in [patient - 1, patient + 1] where other >= 0 && other < patients.count {
            if patients[other].household == patients[patient].household, patients[other].isRegistered,
                patients[other].maySeeDoctor, patients[other].duplicateOf < 0
            {
                return other
            }
        }
        return -1
    }

    private mutating func followUp() {
        let due = followUps[today % followUps.count]
        followUps[today % followUps.count].removeAll(keepingCapacity: true)
        for what in due {
            let minute = 8 * 60 + dice.below(540)
            switch what {
            case .accept(let slot, let number):
                guard visits.isRunning(slot, number) else { continue }
                // Told before anybody comes on the same day.
                add(7 * 60 + 30, .visit(visits[slot], .accepted))
            case .move(let slot, let number):
                guard visits.isRunning(slot, number), visits[slot].day > today else { continue }
                let visit = visits[slot]
                guard let (day, unit) = findTime(practitioner: visit.practitioner, units: visit.units) else { continue }
                calendar.giveBack(
                    practitioner: visit.practitioner, day: visit.day, unit: visit.unit, count: visit.units)
                visits.move(slot, to: day, unit: unit)
                add(minute, .visit(visits[slot], .moved))
            case .note(let slot, let number):
                guard visits.isRunning(slot, number), visits[slot].day > today else { continue }
                add(minute, .visit(visits[slot], .noteAmended))
            case .cancel(let slot, let number):
                guard visits.isRunning(slot, number), visits[slot].day > today else { continue }
                cancel(slot, minute: minute)
            case .merge(let duplicate):
                let original = patients[duplicate].duplicateOf
                guard patients[duplicate].maySeeDoctor, patients[original].maySeeDoctor else { continue }
                patients[duplicate].maySeeDoctor = false
                add(minute, .merged(duplicate: duplicate, original: original))
                add(minute, .merged(duplicate: original, original: duplicate))
            case .reactivate(let patient):
                patients[patient].maySeeDoctor = true
                add(minute, .amended(patient, .reactivated))
            }
        }
    }

    private mutating func cancel(_ slot: Int, minute: Int) {
        let visit = visits[slot]
        calendar.giveBack(practitioner: visit.practitioner, day: visit.day, unit: visit.unit, count: visit.units)
        add(minute, .visit(visit, .cancelled))
        visits.end(slot)
    }

    private mutating func attend() {
        for (slot, number) in visits.takeDay(today) where visits.isDue(slot, number, on: today) {
            let visit = visits[slot]
            let start = Calendar.firstMinute + visit.unit * Calendar.minutesPerUnit
            let end = start + visit.units * Calendar.minutesPerUnit
            visits.end(slot)
            guard patients[visit.patient].maySeeDoctor else {
                add(7 * 60 + 35, .visit(visit, .cancelled))
                continue
            }
            switch dice.below(100) {
            case 0..<5: add(end, .visit(visit, .noShow))
            case 5..<9: add(start - 10, .visit(visit, .cancelled))
            case 9..<13: add(end, .visit(visit, .fulfilled))
            case 13: add(end + 15, .visit(visit, .enteredInError))
            default:
                add(start - dice.below(15), .visit(visit, .arrived))
                if dice.chance(7, in: 10) { add(start + dice.below(5), .visit(visit, .checkedIn)) }
                add(end, .visit(visit, .fulfilled))
            }
        }
    }
}
