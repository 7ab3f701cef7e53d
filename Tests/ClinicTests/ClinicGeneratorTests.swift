import Clinic
import Testing

@Suite struct ClinicGeneratorTests {
    @Test func `the same seed gives the same bytes`() {
        var first = ClinicGenerator(seed: 7, patients: 40)
        var second = ClinicGenerator(seed: 7, patients: 40)
        for _ in 0..<2000 {
            let event = first.next()
            #expect(event != nil)
            #expect(event == second.next())
        }
    }

    @Test func `another seed gives another clinic`() {
        var first = ClinicGenerator(seed: 7, patients: 40)
        var second = ClinicGenerator(seed: 8, patients: 40)
        #expect(first.next() != second.next())
    }

    @Test func `it falls silent after as many events as were asked for`() {
        var clinic = ClinicGenerator(seed: 1, patients: 3, events: 5)
        var count = 0
        while clinic.next() != nil { count += 1 }
        #expect(count == 5)
        #expect(clinic.next() == nil)
    }

    @Test(arguments: [20, 200, 3000]) func `an event is about 512 bytes over a year`(patients: Int) {
        var clinic = ClinicGenerator(seed: 3, patients: patients, events: patients * 20)
        var bytes = 0
        while let event = clinic.next() { bytes += event.count }
        let mean = bytes / clinic.told
        #expect((440...600).contains(mean), "mean of \(patients) patients: \(mean)")
    }
}
