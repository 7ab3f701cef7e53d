import Bytes
import Keys
import TestSupport
import Testing

@Suite struct AgeFileTests {
    private let plain = Array("Chartlog keeps what it is given.\n".utf8)
    private let pair: AgeKeyPair
    private let other: AgeKeyPair
    private let passphrase: Passphrase

    init() throws {
        pair = try AgeKeyPair(secret: SecretKey([UInt8](1...32)))
        other = try AgeKeyPair(secret: SecretKey([UInt8](2...33)))
        passphrase = try Passphrase(Array("three blind mice".utf8))
    }

    private func sealed(_ plain: [UInt8], to recipients: [AgeRecipient], seed: UInt64 = 1) throws(KeyError) -> [UInt8] {
        var dice = SeededDice(seed: seed)
        return try AgeFile.seal(plain, to: recipients, log2Work: 4, dice: &dice)
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 1 << 20, 1 << 20 + 1])
    func `what was sealed to a key comes back whole, whatever its length`(count: Int) throws {
        var dice = SeededDice(seed: UInt64(count))
        let plain = dice.bytes(count)
        let file = try sealed(plain, to: [pair.recipient])
        #expect(AgeFile.isAge(file))
        #expect(try AgeFile.open(file, with: [pair.identity]) == plain)
        #expect(throws: KeyError.wrongKey) { try AgeFile.open(file, with: [other.identity]) }
        #expect(throws: KeyError.missing) { try AgeFile.open(file, with: []) }
    }

    @Test func `each of several recipients opens the file, and an identity among others is found`() throws {
        let file = try sealed(plain, to: [other.recipient, pair.recipient])
        #expect(try AgeFile.open(file, with: [pair.identity]) == plain)
        #expect(try AgeFile.open(file, with: [other.identity]) == plain)
        let third = try AgeKeyPair(secret: SecretKey([UInt8](3...34)))
        let identities = [.passphrase(passphrase), third.identity, pair.identity]
        #expect(try AgeFile.open(file, with: identities) == plain)
        #expect(throws: KeyError.wrongKey) { try AgeFile.open(file, with: [third.identity]) }
    }

    @Test func `a passphrase opens what was sealed to it, and no other one does`() throws {
        let file = try sealed(plain, to: [.passphrase(passphrase)])
        #expect(try AgeFile.open(file, with: [.passphrase(passphrase)]) == plain)
        #expect(throws: KeyError.wrongKey) {
            try AgeFile.open(file, with: [.passphrase(Passphrase(Array("three blind mice\n".utf8)))])
        }
        #expect(throws: KeyError.missing) { try AgeFile.open(file, with: [pair.identity]) }
    }

    @Test func `a passphrase costs 128 MiB unless a caller says otherwise`() throws {
        var dice = SeededDice(seed: 1)
        let file = try AgeFile.seal(plain, to: [.passphrase(passphrase)], dice: &dice)
        let stanza = try #require(
            String(decoding: file.prefix(80), as: UTF8.self).split(separator: "\n").dropFirst().first)
        #expect(stanza.hasPrefix("-> scrypt ") && stanza.hasSuffix(" 17"))
        #expect(try AgeFile.open(file, with: [.passphrase(passphrase)]) == plain)
    }

    @Test func `no recipient, too many, a passphrase beside a key and a key that keeps no secret are refused`() {
        let weak = AgeRecipient.x25519(publicKey: [UInt8](repeating: 0, count: 32))
        let wrong: [[AgeRecipient]] = [
            [], [.passphrase(passphrase), pair.recipient], [.passphrase(passphrase), .passphrase(passphrase)],
            [pair.recipient, weak], [.x25519(publicKey: [1, 2, 3])], Array(repeating: pair.recipient, count: 257),
        ]
        for recipients in wrong {
            #expect(throws: KeyError.malformed) { try sealed(plain, to: recipients) }
        }
    }

    @Test func `no two files are alike, and neither shows what is in it`() throws {
        let files = try [sealed(plain, to: [pair.recipient]), sealed(plain, to: [pair.recipient], seed: 2)]
        for (at, byte) in files[0].enumerated().dropFirst(33) where byte == files[1][at] {
            #expect(zip(files[0][at...], files[1][at...]).prefix { $0 == $1 }.count < 12, "\(at)")
        }
        let text = String(decoding: files[0], as: UTF8.self)
        #expect(!text.contains("Chartlog") && !text.contains(AgeKit.base64(pair.publicKey)))
    }

    @Test func `with any bit turned, a file opens to nothing`() throws {
        for (recipient, identity) in [
            (pair.recipient, pair.identity), (.passphrase(passphrase), AgeIdentity.passphrase(passphrase)),
        ] {
            let file = try sealed(plain, to: [recipient])
            for bit in 0..<(file.count * 8) {
                #expect(throws: KeyError.self, "bit \(bit)") {
                    try AgeFile.open(flipped(file, bit), with: [identity])
                }
            }
        }
    }

    @Test func `cut anywhere, or with anything after it, a file opens to nothing`() throws {
        let file = try sealed(plain, to: [other.recipient, pair.recipient])
        for count in file.indices {
            #expect(throws: KeyError.self, "\(count)") {
                try AgeFile.open(Array(file.prefix(count)), with: [pair.identity])
            }
        }
        for extra in [[0], [0x0a], file] {
            #expect(throws: KeyError.self) { try AgeFile.open(file + extra, with: [pair.identity]) }
        }
    }

    /// Made by another implementation, age 1.1.1, which wrote the identities too.
    @Test(arguments: ["x25519.age", "two.age", "armored.age"])
    func `a file of another implementation opens`(name: String) throws {
        let file = try Fixture.bytes("age/" + name)
        let identities = try AgeIdentity.parse(Fixture.bytes("age/one.key"))
        #expect(AgeFile.isAge(file))
        #expect(try AgeFile.open(file, with: identities) == plain)
        let others = try AgeIdentity.parse(Fixture.bytes("age/two.key"))
        if name == "two.age" {
            #expect(try AgeFile.open(file, with: others) == plain)
        } else {
            #expect(throws: KeyError.wrongKey) { try AgeFile.open(file, with: others) }
        }
    }

    @Test func `a file that another implementation sealed to a passphrase opens`() throws {
        let file = try Fixture.bytes("age/passphrase.age")
        let passphrase = try Passphrase(Array("correct horse battery staple".utf8))
        #expect(try AgeFile.open(file, with: [.passphrase(passphrase)]) == plain)
    }

    @Test func `armored text may stand in white space and have lines of either end, and no other change opens`() throws
    {
        let text = try Fixture.bytes("age/armored.age")
        let identities = try AgeIdentity.parse(Fixture.bytes("age/one.key"))
        let crossed = text.flatMap { $0 == 0x0a ? [0x0d, 0x0a] : [$0] }
        for variant in [Array(text.dropLast()), crossed, Array(" \r\n\t".utf8) + text + Array("\n \n".utf8)] {
            #expect(AgeFile.isAge(variant))
            #expect(try AgeFile.open(variant, with: identities) == plain)
        }
        for bit in 0..<(text.count * 8) where bit / 8 < text.count - 1 {
            #expect(throws: KeyError.self, "bit \(bit)") { try AgeFile.open(flipped(text, bit), with: identities) }
        }
        for count in 0..<(text.count - 1) {
            #expect(throws: KeyError.self) { try AgeFile.open(Array(text.prefix(count)), with: identities) }
        }
        let lines = text.split(separator: 0x0a).map(Array.init)
        let (begin, end) = (lines[0], lines[lines.count - 1])
        let body = Array(lines.dropFirst().dropLast())
        let last = body[body.count - 1]
        let wrong: [[[UInt8]]] = [
            [begin, end], [begin] + body, body + [end], [[0x61]] + [begin] + body + [end],
            [begin] + body + [end, [0x61]],
            [begin, []] + body + [end], [begin] + body + [[], end], [begin] + body.dropLast() + [last + [0x20], end],
            [begin] + body.dropLast() + [Array(last.dropLast()), end], [begin, body[0] + body[1]] + body[2...] + [end],
            [begin, Array(body[0].prefix(32)), Array(body[0].suffix(32))] + body[1...] + [end],
            [begin, Array("Version: 1".utf8), []] + body + [end], [begin] + body + [begin],
        ]
        for (number, lines) in wrong.enumerated() {
            let joined = Array(lines.joined(separator: [0x0a]))
            #expect(throws: KeyError.malformed, "case \(number)") { try AgeFile.open(joined, with: identities) }
        }
    }

    @Test func `what begins otherwise is no age file`() {
        for bytes in [[], Array("age-encryption.or".utf8), Array("CLESCROW".utf8), Array("-----BEGIN".utf8)] {
            #expect(!AgeFile.isAge(bytes))
        }
        #expect(AgeFile.isAge(Array("age-encryption.org/v2\n".utf8)))
    }
}

/// The texts of keys.
@Suite struct AgeKeyTests {
    /// The example of C2SP, age.md, whose identity is 32 bytes of 0x42.
    private let identityText = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    private let recipientText = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

    private func pair(_ text: String) throws -> [AgeKeyPair] {
        try AgeIdentity.parse(Array(text.utf8)).map { identity in
            guard case .x25519(let pair) = identity else { throw KeyError.missing }
            return pair
        }
    }

    @Test func `the published pair is read and written as it stands`() throws {
        let pair = try AgeKeyPair(secret: SecretKey([UInt8](repeating: 0x42, count: 32)))
        #expect(pair.recipientText == recipientText)
        let file = String(decoding: pair.identityFileBytes(), as: UTF8.self)
        #expect(file == "# public key: \(recipientText)\n\(identityText)\n")
        #expect(try self.pair(file).map(\.publicKey) == [pair.publicKey])
        guard case .x25519(let publicKey) = try AgeRecipient.parse(recipientText) else {
            Issue.record("another kind of recipient")
            return
        }
        #expect(publicKey == pair.publicKey)
    }

    @Test func `an identity file has comments, empty lines and one identity or more`() throws {
        var dice = SeededDice(seed: 3)
        let second = try AgeKeyPair.random(dice: &dice)
        let text = String(decoding: second.identityFileBytes(), as: UTF8.self)
        let both = try pair("# made by hand\r\n\r\n\(identityText)\r\n\n#\n\(text)#end")
        #expect(both.map(\.recipientText) == [recipientText, second.recipientText])
        #expect(try pair(identityText).count == 1)
        for wrong in [
            "", "\n", "# nothing\n", " \(identityText)", "\(identityText) ", "\(identityText)\r\r\n",
            identityText.lowercased(), recipientText, "\(identityText)\nx\n", "\(identityText.dropLast())",
            "\(identityText.dropLast())Y", "-\(identityText)",
        ] {
            #expect(throws: KeyError.malformed, "\(wrong)") { try pair(wrong) }
        }
    }

    @Test func `a recipient's text is one exactly`() {
        for wrong in [
            "", "age1", recipientText.uppercased(), " \(recipientText)", "\(recipientText)\n", identityText,
            identityText.lowercased(), "\(recipientText.dropLast())k",
            String(decoding: Bech32.text(prefix: "age", bytes: [UInt8](0..<31)), as: UTF8.self),
            String(decoding: Bech32.text(prefix: "age", bytes: [UInt8](0..<33)), as: UTF8.self),
            String(decoding: Bech32.text(prefix: "agf", bytes: [UInt8](0..<32)), as: UTF8.self),
        ] {
            #expect(throws: KeyError.malformed, "\(wrong)") { try AgeRecipient.parse(wrong) }
        }
    }
}
