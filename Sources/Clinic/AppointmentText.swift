import Bytes

/// What is said of appointments, as FHIR R4 resources and merge patches.
extension ClinicGenerator {
    func source(of step: VisitStep) -> String {
        switch step {
        case .held, .responded, .moved: "/clinic/patient-portal"
        case .booked, .accepted, .proposed, .waitlisted, .cancelled, .enteredInError: "/clinic/front-desk"
        case .arrived, .checkedIn: "/clinic/kiosk"
        case .fulfilled, .noShow, .noteAmended: "/clinic/consulting-room"
        }
    }

    func type(of step: VisitStep) -> String {
        switch step {
        case .booked, .accepted: "appointment.booked"
        case .held: "appointment.held"
        case .proposed: "appointment.proposed"
        case .waitlisted: "appointment.waitlisted"
        case .responded: "appointment.participant-responded"
        case .moved: "appointment.rescheduled"
        case .arrived: "appointment.arrived"
        case .checkedIn: "appointment.checked-in"
        case .fulfilled: "appointment.fulfilled"
        case .noShow: "appointment.no-show"
        case .cancelled: "appointment.cancelled"
        case .noteAmended: "appointment.note-amended"
        case .enteredInError: "appointment.entered-in-error"
        }
    }

    func putVisit(_ visit: Visit, _ what: VisitStep, _ step: Step, _ text: inout Text) {
        switch what {
        case .booked: putResource(visit, "booked", step, patientSays: "accepted", hasTimes: true, &text)
        case .held: putResource(visit, "pending", step, patientSays: "needs-action", hasTimes: true, &text)
        case .proposed: putResource(visit, "proposed", step, patientSays: "tentative", hasTimes: true, &text)
        case .waitlisted: putResource(visit, "waitlist", step, patientSays: "needs-action", hasTimes: false, &text)
        case .responded:
            text.put("{")
            putParticipants(visit, patientSays: "accepted", &text)
            text.put("}")
        case .accepted:
            text.put(#"{"status":"booked","#)
            putTimes(visit, &text)
            text.put(",")
            putParticipants(visit, patientSays: "accepted", &text)
            text.put("}")
        case .moved:
            text.put("{")
            putTimes(visit, &text)
            text.put(#","comment":"Moved at the patient’s request","participant":["#)
            putParticipantList(visit, patientSays: "accepted", &text)
            text.put("]}")
        case .arrived: text.put(#"{"status":"arrived"}"#)
        case .checkedIn: text.put(#"{"status":"checked-in","comment":"Identity checked at the kiosk"}"#)
        case .fulfilled:
            text.put(#"{"status":"fulfilled","comment":"Seen by pr-"#)
            text.number(visit.practitioner + 1)
            text.put(#" for: "#)
            text.put(Service.all[visit.service].reason)
            text.put(#""}"#)
        case .noShow: text.put(#"{"status":"noshow","comment":"Did not come; call back tomorrow"}"#)
        case .cancelled:
            text.put(
                #"{"status":"cancelled","cancelationReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason","code":""#
            )
            text.put(visit.number % 3 == 0 ? #"prov","display":"Provider"}]}}"# : #"pat","display":"Patient"}]}}"#)
        case .noteAmended:
            text.put(#"{"patientInstruction":"Please bring your medicines and come ten minutes early to room "#)
            text.number(room(of: visit))
            text.put(#"."}"#)
        case .enteredInError: text.put(#"{"status":"entered-in-error"}"#)
        }
    }

    private func putResource(
        _ visit: Visit, _ status: String, _ step: Step, patientSays: String, hasTimes: Bool, _ text: inout Text
    ) {
        let service = Service.all[visit.service]
        text.put(#"{"resourceType":"Appointment","id":""#)
        visitID(visit, &text)
        text.put(#"","status":""#)
        text.put(status)
        text.put(#"","serviceType":[{"text":""#)
        text.put(service.name)
        text.put(
            #""}],"appointmentType":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0276","code":"ROUTINE"}]},"reasonCode":[{"text":""#
        )
        text.put(service.reason)
        text.put(#""}],"minutesDuration":"#)
        text.number(service.units * Calendar.minutesPerUnit)
        text.put(",")
        if hasTimes {
            putTimes(visit, &text)
        } else {
            text.put(#""requestedPeriod":[{"start":""#)
            text.date(CivilDay(daysSinceEpoch: today + 1))
            text.put(#"","end":""#)
            text.date(CivilDay(daysSinceEpoch: today + Calendar.daysAheadMax))
            text.put(#""}]"#)
        }
        text.put(#","created":""#)
        text.instant(day: today, minute: step.minute)
        text.put(#"","#)
        putParticipants(visit, patientSays: patientSays, &text)
        text.put("}")
    }

    private func putTimes(_ visit: Visit, _ text: inout Text) {
        let start = Calendar.firstMinute + visit.unit * Calendar.minutesPerUnit
        text.put(#""start":""#)
        text.instant(day: visit.day, minute: start)
        text.put(#"","end":""#)
        text.instant(day: visit.day, minute: start + visit.units * Calendar.minutesPerUnit)
        text.put(#"""#)
    }

    private func putParticipants(_ visit: Visit, patientSays: String, _ text: inout Text) {
        text.put(#""participant":["#)
        putParticipantList(visit, patientSays: patientSays, &text)
        text.put("]")
    }

    private func putParticipantList(_ visit: Visit, patientSays: String, _ text: inout Text) {
        text.put(#"{"actor":{"reference":"Patient/"#)
        patientID(visit.patient, &text)
        text.put(#""},"required":"required","status":""#)
        text.put(patientSays)
        if visit.relative >= 0 {
            text.put(#""},{"actor":{"reference":"Patient/"#)
            patientID(visit.relative, &text)
            text.put(#""},"required":"optional","status":""#)
            text.put(patientSays)
        }
        text.put(#""},{"actor":{"reference":"Practitioner/pr-"#)
        putClinic(&text)
        text.number(visit.practitioner + 1)
        text.put(#""},"required":"required","status":"accepted"},{"actor":{"reference":"Location/room-"#)
        putClinic(&text)
        text.number(room(of: visit))
        text.put(#""},"required":"required","status":"accepted"}"#)
    }

    /// Rooms are as many as practitioners and change hands from day to day.
    private func room(of visit: Visit) -> Int { (visit.practitioner + visit.day) % practitionerCount + 1 }
}

extension VisitStep {
    /// The event carries the whole resource, not a patch.
    var isWhole: Bool {
        switch self {
        case .booked, .held, .proposed, .waitlisted: true
        case .responded, .accepted, .moved, .arrived, .checkedIn, .fulfilled, .noShow, .cancelled, .noteAmended,
            .enteredInError:
            false
        }
    }
}
