import Bytes

/// Builds one JSON text in one array: every word it is given is already safe in JSON.
struct Text {
    var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(1200) }

    mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func put(_ text: [UInt8]) { bytes.append(contentsOf: text) }

    mutating func number(_ value: Int) {
        precondition(value >= 0)
        var digits: UInt64 = 0
        var rest = value
        var count = 0
        repeat {
            digits = digits << 8 | UInt64(0x30 + rest % 10)
            rest /= 10
            count += 1
        } while rest > 0 && count < 8
        if rest > 0 { number(rest) }
        for _ in 0..<count {
            bytes.append(UInt8(truncatingIfNeeded: digits))
            digits >>= 8
        }
    }

    /// The last `digits` decimal digits of `value`, with zeros in front.
    mutating func decimal(_ value: UInt64, digits: Int) {
        var divisor: UInt64 = 1
        for _ in 1..<max(digits, 1) { divisor *= 10 }
        var rest = value % (divisor * 10)
        while divisor > 0 {
            bytes.append(0x30 + UInt8(rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// The last `digits` hexadecimal digits of `value`.
    mutating func hex(_ value: UInt64, digits: Int) {
        for place in stride(from: digits - 1, through: 0, by: -1) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * place)) & 15
            bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    /// A random UUID (RFC 9562 version 4).
    mutating func uuid(_ dice: inout SeededDice) {
        let high = dice.next()
        let low = dice.next()
        hex(high >> 32, digits: 8)
        bytes.append(0x2d)
        hex(high >> 16, digits: 4)
        put("-4")
        hex(high, digits: 3)
        bytes.append(0x2d)
        hex(0x8 | (low >> 62), digits: 1)
        hex(low >> 48, digits: 3)
        bytes.append(0x2d)
        hex(low, digits: 12)
    }

    mutating func date(_ date: CivilDay) {
        decimal(UInt64(date.year), digits: 4)
        bytes.append(0x2d)
        decimal(UInt64(date.month), digits: 2)
        bytes.append(0x2d)
        decimal(UInt64(date.day), digits: 2)
    }

    /// An RFC 3339 instant in the clinic's local time.
    mutating func instant(day: Int, minute: Int, second: Int = 0) {
        date(CivilDay(daysSinceEpoch: day))
        bytes.append(0x54)
        decimal(UInt64(minute / 60), digits: 2)
        bytes.append(0x3a)
        decimal(UInt64(minute % 60), digits: 2)
        bytes.append(0x3a)
        decimal(UInt64(second), digits: 2)
        put(Calendar.offsetMinutes(on: day) == 120 ? "+02:00" : "+01:00")
    }
}

extension ClinicGenerator {
    /// The CloudEvent of a step.
    mutating func text(of step: Step) -> [UInt8] {
        var text = Text()
        text.put(#"{"specversion":"1.0","id":""#)
        text.uuid(&dice)
        switch step.what {
        case .registered(let patient):
            open(&text, step, "/clinic/front-desk", "patient.registered", isPatch: false) {
                patientSubject(patient, &$0)
            }
            putPatient(patient, &text)
        case .amended(let patient, let amendment):
            open(&text, step, source(of: amendment), type(of: amendment), isPatch: true) {
                patientSubject(patient, &$0)
            }
            putAmendment(amendment, of: patient, &text)
        case .merged(let patient, let other):
            open(&text, step, "/clinic/records", "patient.merged", isPatch: true) { patientSubject(patient, &$0) }
            putMerge(of: patient, with: other, &text)
        case .consented(let number, let patient):
            open(&text, step, "/clinic/front-desk", "consent.granted", isPatch: false) { consentSubject(number, &$0) }
            putConsent(number, patient: patient, step, &text)
        case .withdrew(let number, _):
            open(&text, step, "/clinic/records", "consent.withdrawn", isPatch: true) { consentSubject(number, &$0) }
            text.put(#"{"status":"inactive","dateTime":""#)
            text.instant(day: today, minute: step.minute)
            text.put(#""}"#)
        case .disclosed(let number, let patient):
            open(&text, step, "/clinic/records", "disclosure.recorded", isPatch: false) {
                disclosureSubject(number, &$0)
            }
            putDisclosure(number, patient: patient, step, &text)
        case .visit(let visit, let what):
            open(&text, step, source(of: what), type(of: what), isPatch: !what.isWhole) { visitSubject(visit, &$0) }
            putVisit(visit, what, step, &text)
        }
        text.put("}")
        return text.bytes
    }

    /// Everything before the value of `data`.
    private func open(
        _ text: inout Text, _ step: Step, _ source: String, _ type: String, isPatch: Bool, subject: (inout Text) -> Void
    ) {
        text.put(#"","source":""#)
        text.put(source)
        text.put(#"","type":""#)
        text.put(type)
        text.put(#"","subject":""#)
        subject(&text)
        text.put(#"","time":""#)
        text.instant(day: today, minute: step.minute, second: step.order % 60)
        if isPatch {
            text.put(#"","datacontenttype":"application/merge-patch+json","data":"#)
        } else {
            text.put(#"","datacontenttype":"application/fhir+json","data":"#)
        }
    }

    func patientSubject(_ patient: Int, _ text: inout Text) {
        text.put("patient/")
        patientID(patient, &text)
    }

    /// What sets the ids of one clinic apart.
    func putClinic(_ text: inout Text) {
        guard clinic > 0 else { return }
        text.number(clinic)
        text.put("-")
    }

    func patientID(_ patient: Int, _ text: inout Text) {
        text.put("p-")
        putClinic(&text)
        text.hex(Scramble.permuted(UInt64(patient), halfBits: 12, salt: patients.salt), digits: 6)
    }

    private func consentSubject(_ number: UInt64, _ text: inout Text) {
        text.put("consent/")
        consentID(number, &text)
    }

    func consentID(_ number: UInt64, _ text: inout Text) {
        text.put("c-")
        putClinic(&text)
        text.hex(Scramble.permuted(number, halfBits: 16, salt: patients.salt ^ 1), digits: 8)
    }

    private func disclosureSubject(_ number: UInt64, _ text: inout Text) {
        text.put("disclosure/")
        disclosureID(number, &text)
    }

    func disclosureID(_ number: UInt64, _ text: inout Text) {
        text.put("d-")
        putClinic(&text)
        text.hex(Scramble.permuted(number, halfBits: 16, salt: patients.salt ^ 2), digits: 8)
    }

    private func visitSubject(_ visit: Visit, _ text: inout Text) {
        text.put("appointment/")
        visitID(visit, &text)
    }

    func visitID(_ visit: Visit, _ text: inout Text) {
        text.put("a-")
        putClinic(&text)
        text.hex(Scramble.permuted(visit.number, halfBits: 16, salt: patients.salt ^ 3), digits: 8)
    }
}
