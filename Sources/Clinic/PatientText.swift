import Bytes

/// What is said of people, as FHIR R4.
extension ClinicGenerator {
    func putPatient(_ patient: Int, _ text: inout Text) {
        let person = patients[patient]
        text.put(#"{"resourceType":"Patient","id":""#)
        patientID(patient, &text)
        text.put(#"","identifier":["#)
        putRecordNumber(patient, &text)
        text.put(#"],"active":true,"name":["#)
        putNames(person, family: person.family, &text)
        text.put(#"],"telecom":["#)
        putPhone(patient, &text)
        text.put(person.isWoman ? #"],"gender":"female","birthDate":""# : #"],"gender":"male","birthDate":""#)
        putBirthDate(person, &text)
        text.put(#"","address":["#)
        putAddress(patient, &text)
        text.put(#"],"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":""#)
        text.put(Culture.all[person.culture].language)
        text.put(#""}]},"preferred":true}],"generalPractitioner":[{"reference":"Practitioner/pr-"#)
        putClinic(&text)
        text.number(person.practitioner + 1)
        text.put(#""}]}"#)
    }

    private func putBirthDate(_ person: Person, _ text: inout Text) {
        text.decimal(UInt64(person.birth.year), digits: 4)
        guard person.birthPrecision > 4 else { return }
        text.put("-")
        text.decimal(UInt64(person.birth.month), digits: 2)
        guard person.birthPrecision > 7 else { return }
        text.put("-")
        text.decimal(UInt64(person.birth.day), digits: 2)
    }

    private func putRecordNumber(_ patient: Int, _ text: inout Text) {
        text.put(
            #"{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:2.16.840.1.113883.4.999.1","value":"MRN-"#
        )
        putClinic(&text)
        text.decimal(Scramble.permuted(UInt64(patient), halfBits: 12, salt: patients.salt ^ 4), digits: 8)
        text.put(#""}"#)
    }

    private func putNationalNumber(_ patient: Int, _ text: inout Text) {
        text.put(#"{"use":"official","system":""#)
        text.put(Culture.all[patients[patient].culture].country.identifierSystem)
        text.put(#"","value":""#)
        text.decimal(patients.number(patient, 5), digits: 10)
        text.put(#""}"#)
    }

    private func putNames(_ person: Person, family: Int, _ text: inout Text) {
        let culture = Culture.all[person.culture]
        let given = person.isWoman ? culture.women : culture.men
        text.put(#"{"use":"official","family":""#)
        text.put(culture.families[family].written)
        text.put(#"","given":[""#)
        text.put(given[person.given].written)
        if person.second >= 0 {
            text.put(#"",""#)
            text.put(given[person.second].written)
        }
        text.put(#""]}"#)
        guard let latinFamily = culture.families[family].latin, let latinGiven = given[person.given].latin else {
            return
        }
        text.put(#",{"use":"usual","family":""#)
        text.put(latinFamily)
        text.put(#"","given":[""#)
        text.put(latinGiven)
        text.put(#""]}"#)
    }

    private func putPhone(_ patient: Int, _ text: inout Text) {
        let country = Culture.all[patients[patient].culture].country
        text.put(#"{"system":"phone","value":""#)
        text.put(country.phonePrefix)
        text.decimal(patients.contact(patient), digits: country.phoneDigits)
        text.put(#"","use":"mobile"}"#)
    }

    private func putAddress(_ patient: Int, _ text: inout Text) {
        let country = Culture.all[patients[patient].culture].country
        let number = patients.contact(patient)
        text.put(#"{"use":"home","line":[""#)
        text.put(country.streets[Int(number >> 8) & 3])
        text.put(" ")
        text.number(1 + Int(number >> 16) & 127)
        text.put(#""],"city":""#)
        text.put(country.cities[Int(number >> 12) & 3])
        text.put(#"","postalCode":""#)
        text.decimal(number >> 24, digits: country.postalDigits)
        text.put(#"","country":""#)
        text.put(country.code)
        text.put(#""}"#)
    }

    // MARK: Amendments

    func source(of amendment: Amendment) -> String {
        switch amendment {
        case .phone, .preference: "/clinic/patient-portal"
        case .address, .married, .identifierAdded: "/clinic/front-desk"
        case .carer, .deceased, .deactivated, .reactivated: "/clinic/records"
        }
    }

    func type(of amendment: Amendment) -> String {
        switch amendment {
        case .phone, .address: "patient.contact-amended"
        case .married: "patient.demographics-amended"
        case .identifierAdded: "patient.identifier-added"
        case .preference: "patient.communication-preference-changed"
        case .carer: "patient.care-provider-assigned"
        case .deceased: "patient.deceased-recorded"
        case .deactivated: "patient.deactivated"
        case .reactivated: "patient.reactivated"
        }
    }

    mutating func putAmendment(_ amendment: Amendment, of patient: Int, _ text: inout Text) {
        switch amendment {
        case .phone:
            patients[patient].contactSalt = dice.next()
            text.put(#"{"telecom":["#)
            putPhone(patient, &text)
            text.put(#"]}"#)
        case .address:
            patients[patient].contactSalt = dice.next()
            text.put(#"{"telecom":["#)
            putPhone(patient, &text)
            text.put(#"],"address":["#)
            putAddress(patient, &text)
            text.put(#"]}"#)
        case .married:
            let person = patients[patient]
            let family = dice.below(Culture.all[person.culture].families.count)
            patients[patient].family = family
            text.put(
                #"{"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]},"name":["#
            )
            putNames(person, family: family, &text)
            text.put(#"]}"#)
        case .identifierAdded:
            text.put(#"{"identifier":["#)
            putRecordNumber(patient, &text)
            text.put(",")
            putNationalNumber(patient, &text)
            text.put(#"]}"#)
        case .preference:
            text.put(#"{"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":""#)
            text.put(dice.chance(1, in: 2) ? Array("en-IE".utf8) : Culture.all[patients[patient].culture].language)
            text.put(#""}]},"preferred":true}]}"#)
        case .carer:
            patients[patient].practitioner = dice.below(practitionerCount)
            text.put(#"{"generalPractitioner":[{"reference":"Practitioner/pr-"#)
            putClinic(&text)
            text.number(patients[patient].practitioner + 1)
            text.put(#""}]}"#)
        case .deceased:
            text.put(#"{"deceasedDateTime":""#)
            text.date(CivilDay(daysSinceEpoch: today - dice.below(3)))
            text.put(#""}"#)
        case .deactivated: text.put(#"{"active":false}"#)
        case .reactivated: text.put(#"{"active":true}"#)
        }
    }

    /// `patient` is the one whose stream it is: the duplicate is closed, the original points back.
    func putMerge(of patient: Int, with other: Int, _ text: inout Text) {
        let isDuplicate = patients[patient].duplicateOf == other
        text.put(
            isDuplicate
                ? #"{"active":false,"link":[{"other":{"reference":"Patient/"#
                : #"{"link":[{"other":{"reference":"Patient/"#)
        patientID(other, &text)
        text.put(isDuplicate ? #""},"type":"replaced-by"}]}"# : #""},"type":"replaces"}]}"#)
    }

    // MARK: Consents and disclosures

    func putConsent(_ number: UInt64, patient: Int, _ step: Step, _ text: inout Text) {
        let isResearch = number % 3 == 0
        text.put(#"{"resourceType":"Consent","id":""#)
        consentID(number, &text)
        text.put(
            #"","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":""#
        )
        text.put(isResearch ? "research" : "patient-privacy")
        text.put(
            #""}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/"#
        )
        patientID(patient, &text)
        text.put(#""},"dateTime":""#)
        text.instant(day: today, minute: step.minute)
        text.put(
            #"","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":"permit","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":""#
        )
        text.put(isResearch ? "HRESCH" : "TREAT")
        text.put(#""}]}}"#)
    }

    func putDisclosure(_ number: UInt64, patient: Int, _ step: Step, _ text: inout Text) {
        text.put(#"{"resourceType":"AuditEvent","id":""#)
        disclosureID(number, &text)
        text.put(
            #"","type":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110106","display":"Export"},"subtype":[{"system":"http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle","code":"disclose"}],"action":"R","recorded":""#
        )
        text.instant(day: today, minute: step.minute)
        text.put(
            #"","outcome":"0","purposeOfEvent":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HPAYMT"}]}],"agent":[{"who":{"reference":"Practitioner/pr-"#
        )
        putClinic(&text)
        text.number(patients[patient].practitioner + 1)
        text.put(
            #""},"requestor":true}],"source":{"observer":{"display":"Records office"}},"entity":[{"what":{"reference":"Patient/"#
        )
        patientID(patient, &text)
        text.put(#""}}]}"#)
    }
}
