import Bytes
import Keys
import Testing

/// Which headers and payloads are an age file's, case by case as the format's own test kit has them (C2SP, CCTV, age),
/// each with a MAC and tags that fit.
@Suite struct AgeFormTests {
    private let kit: AgeKit
    private let x25519: (share: [UInt8], body: [UInt8])

    init() throws {
        kit = try AgeKit()
        x25519 = try kit.x25519()
    }

    private var share: String { AgeKit.base64(x25519.share) }
    private var body: String { AgeKit.base64(x25519.body) }

    @Test func `stanzas of others are passed over, whatever they say`() throws {
        let ours = try kit.x25519Lines()
        let full = String(repeating: "QUJD", count: 16)
        let others = [
            "-> grease\n\n", "-> ! ~ \"#$%&'()*+,-./:;<=>?@[]^_`{|}\nQQ\n", "-> example.com/enigma 1 2 3\n\(full)\n\n",
            "-> x25519 \(share)\n\(body)\n", "-> X25519-\n\(full)\n\(full)\nQUJD\n", "-> Scrypt a 1\n\(body)\n",
            try kit.x25519Lines(for: AgeKeyPair(secret: SecretKey([UInt8](2...33))).publicKey),
        ]
        #expect(try kit.open(kit.file(ours)) == AgeKit.plain)
        for other in others {
            for stanzas in [other + ours, ours + other, other + ours + other, ours + ours] {
                #expect(try kit.open(kit.file(stanzas)) == AgeKit.plain, "\(stanzas)")
            }
        }
        #expect(throws: KeyError.missing) { try kit.open(kit.file(others.prefix(6).joined())) }
        #expect(throws: KeyError.wrongKey) { try kit.open(kit.file(others.joined())) }
    }

    @Test func `a stanza that is not exactly of the form is refused`() throws {
        let last = try #require(share.last)
        let loose = share.dropLast() + (last == "A" ? "B" : String(UnicodeScalar((last.asciiValue ?? 0) + 1)))
        let shortBody = AgeKit.base64(Array(x25519.body.dropLast()))
        let full = String(repeating: "QUJD", count: 16)
        let stanzas = [
            "-> X25519\n\(body)\n", "-> X25519 \(share) 1\n\(body)\n", "-> X25519 \(share)=\n\(body)\n",
            "-> X25519 \(loose)\n\(body)\n", "-> X25519 \(AgeKit.base64(x25519.share + [0]))\n\(body)\n",
            "-> X25519 \(AgeKit.base64(Array(x25519.share.dropLast())))\n\(body)\n", "-> X25519 \(share)\n\(body)=\n",
            "-> X25519 \(share)\n\(shortBody)\n", "-> X25519 \(share)\n\(AgeKit.base64(x25519.body + [0]))\n",
            "-> X25519 \(share)\n\n", "-> X25519 \(share)\n", "-> X25519 \(share)\n\(body)\n\n",
            "-> X25519 \(share)\r\n\(body)\r\n", "-> X25519 \(share)\n\(body) \n", "-> X25519 \(share) \n\(body)\n",
            "->  X25519 \(share)\n\(body)\n", "->X25519 \(share)\n\(body)\n", "-> \n\(body)\n", "->\n\(body)\n",
            "-> X25519  \(share)\n\(body)\n", "-> X25519\t\(share)\n\(body)\n", "- X25519 \(share)\n\(body)\n", "",
            "-> X25519 \(AgeKit.base64([UInt8](repeating: 0, count: 32)))\n\(body)\n",
            "-> X25519 \(AgeKit.base64([1] + [UInt8](repeating: 0, count: 31)))\n\(body)\n",
        ]
        for stanza in stanzas {
            #expect(throws: KeyError.malformed, "\(stanza)") { try kit.open(kit.file(stanza)) }
        }
        let ours = try kit.x25519Lines()
        let beside = [
            "-> other\n\(full)\n", "-> other\n\(full)A\n", "-> other\nQ\n", "-> other\nQR\n", "-> other\nQUI=\n",
            "-> other\nQ Q\n", "-> \u{e9}\n\n", "-> other \u{7f}\n\n", "\n",
        ]
        for other in beside {
            #expect(throws: KeyError.malformed, "\(other)") { try kit.open(kit.file(other + ours)) }
        }
        for file in try [
            kit.file(ours, version: "age-encryption.org/v2\n"), kit.file(ours, version: "age-encryption.org/v1\r\n"),
            kit.file(ours, version: "age-encryption.org/v1 \n"), kit.file(ours, version: " age-encryption.org/v1\n"),
            [],
        ] {
            #expect(throws: KeyError.malformed) { try kit.open(file) }
        }
    }

    @Test func `the line of the MAC is of one form, and the MAC is checked`() throws {
        let text = "age-encryption.org/v1\n" + (try kit.x25519Lines()) + "---"
        let mac = kit.mac(of: text)
        let payload = try kit.nonce + kit.chunk(AgeKit.plain, number: 0, isLast: true)
        func opened(_ end: String) throws -> [UInt8] { try kit.open(Array((text + end).utf8) + payload) }
        #expect(try opened(" \(mac)\n") == AgeKit.plain)
        let last = try #require(mac.last)
        let loose = mac.dropLast() + (last == "A" ? "B" : String(UnicodeScalar((last.asciiValue ?? 0) + 1)))
        for end in [
            "\(mac)\n", "  \(mac)\n", " \(mac) \n", " \(mac)=\n", " \(mac.dropLast())\n", " \(loose)\n", " \(mac)A\n",
            " \(mac)\r\n", "\n", " \n", " \(mac)",
        ] {
            #expect(throws: KeyError.malformed, "\(end)") { try opened(end) }
        }
        #expect(throws: KeyError.wrongKey) { try opened(" \(kit.mac(of: text + "-"))\n") }
    }

    @Test func `a passphrase's stanza stands alone, and its numbers are of one form`() throws {
        let salt = [UInt8](0..<16)
        let (salted, body) = (AgeKit.base64(salt), AgeKit.base64(try kit.scrypt(salt: salt, log2Work: 4)))
        let ours = "-> scrypt \(salted) 4\n\(body)\n"
        #expect(try kit.openWithPassphrase(kit.file(ours)) == AgeKit.plain)
        #expect(throws: KeyError.missing) { try kit.open(kit.file(ours)) }
        #expect(throws: KeyError.missing) { try kit.openWithPassphrase(kit.file(kit.x25519Lines())) }
        let short = AgeKit.base64(Array(salt.dropLast()))
        let wrong = [
            ours + ours, try ours + kit.x25519Lines(), "-> grease\n\n" + ours, ours + "-> grease\n\n",
            "-> scrypt \(salted)\n\(body)\n", "-> scrypt 4\n\(body)\n", "-> scrypt \(salted) 4 4\n\(body)\n",
            "-> scrypt \(short) 4\n\(body)\n", "-> scrypt \(AgeKit.base64(salt + [0])) 4\n\(body)\n",
            "-> scrypt \(salted)= 4\n\(body)\n", "-> scrypt \(salted) 4\n\(body)A\n", "-> scrypt \(salted) 4\n\n",
        ]
        let works = [
            "04", "+4", "-4", "0", "00", "4x", "x4", "0x4", "4 ", "4.0", "21", "22", "99", "18446744073709551620",
        ]
        for stanzas in wrong + works.map({ "-> scrypt \(salted) \($0)\n\(body)\n" }) {
            #expect(throws: KeyError.malformed, "\(stanzas)") { try kit.openWithPassphrase(kit.file(stanzas)) }
        }
        #expect(throws: KeyError.wrongKey) {
            try kit.openWithPassphrase(kit.file("-> scrypt \(salted) 5\n\(body)\n"))
        }
        #expect(throws: KeyError.wrongKey) {
            try AgeFile.open(kit.file(ours), with: [.passphrase(Passphrase(Array("correct horsf".utf8)))])
        }
    }

    /// A longer file key would let one body open under several keys.
    @Test func `a file key of another length is refused`() throws {
        for fileKey in [[UInt8](0..<15), [UInt8](0..<17), [UInt8](0..<32), []] {
            let (share, body) = try kit.x25519(fileKey: fileKey)
            let stanza = "-> X25519 \(AgeKit.base64(share))\n\(AgeKit.base64(body))\n"
            #expect(throws: KeyError.malformed) { try kit.open(kit.file(stanza)) }
        }
    }

    @Test func `a payload is chunks in their order, the last and only the last marked, and nothing after`() throws {
        let full = [UInt8](repeating: 0x41, count: 65_536)
        let (one, two) = (Array("one".utf8), Array("two".utf8))
        func payload(_ chunks: [([UInt8], UInt8, Bool)]) throws -> [UInt8] {
            try kit.nonce + chunks.flatMap { try kit.chunk($0.0, number: $0.1, isLast: $0.2) }
        }
        let right: [([([UInt8], UInt8, Bool)], [UInt8])] = [
            ([([], 0, true)], []), ([(one, 0, true)], one), ([(full, 0, true)], full),
            ([(full, 0, false), (two, 1, true)], full + two), ([(full, 0, false), (full, 1, true)], full + full),
        ]
        for (chunks, plain) in right { #expect(try kit.open(kit.file(payload: payload(chunks))) == plain) }
        let wrong: [([([UInt8], UInt8, Bool)], KeyError)] = [
            ([(one, 0, false)], .wrongKey), ([(full, 0, false)], .wrongKey), ([(one, 1, true)], .wrongKey),
            ([(full, 0, false), ([], 1, true)], .malformed), ([(full, 0, true), (two, 1, true)], .wrongKey),
            ([(full, 0, true), (two, 1, false)], .wrongKey), ([(full, 1, false), (two, 0, true)], .wrongKey),
            ([(full, 0, false), (two, 2, true)], .wrongKey), ([(full, 0, false), (full, 0, false)], .wrongKey),
            ([(one, 0, false), (two, 1, true)], .wrongKey), ([(one, 0, true), (two, 1, true)], .wrongKey),
            ([], .malformed),
        ]
        for (chunks, refusal) in wrong {
            #expect(throws: refusal) { try kit.open(kit.file(payload: payload(chunks))) }
        }
        let whole = try payload([(one, 0, true)])
        for count in 0..<32 {
            #expect(throws: KeyError.malformed) { try kit.open(kit.file(payload: Array(whole.prefix(count)))) }
        }
        for extra in [1, 15, 16, 17, 65_552] {
            #expect(throws: KeyError.wrongKey) {
                try kit.open(kit.file(payload: whole + [UInt8](repeating: 0, count: extra)))
            }
        }
        let filled = try payload([(full, 0, true)])
        #expect(throws: KeyError.malformed) { try kit.open(kit.file(payload: filled + [0])) }
        #expect(throws: KeyError.wrongKey) {
            try kit.open(kit.file(payload: filled + [UInt8](repeating: 0, count: 17)))
        }
    }
}
