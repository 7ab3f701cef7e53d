import Records
import Testing

@Suite struct `Places` {
    @Test(arguments: [
        "127.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "1::", "fe80::1:2", "1:2:3:4:5:6:7:8", "2001:DB8::a",
        "1:2:3:4:5:6:7::", "::ffff:192.0.2.1", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4",
    ])
    func `are at numeric addresses`(address: String) { #expect(Place.isNumeric(address)) }

    @Test(arguments: [
        "", "cafe", "dead.beef", "10.0.0.a", "10.0.0", "10.0.0.0.1", "256.1.1.1", "01.2.3.4", "1.2.3.", ":", ":::",
        "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "localhost", "::g", "1:", ":1", "1.2.3.4:80", "1 .2.3.4",
        "::1.2.3", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
    ])
    func `are not at names, nor at half an address`(address: String) { #expect(!Place.isNumeric(address)) }
}
