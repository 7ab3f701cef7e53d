import Bytes
import Keys
import Testing

struct ScryptVector: Sendable {
    let passphrase, salt: String
    let work, blockSize, parallelism: UInt64
    let output: String
}

/// What age files are made of, against the standards that define it.
@Suite struct AgePartsTests {
    /// RFC 7914, section 12, without the case that takes a gigabyte.
    @Test(arguments: [
        ScryptVector(
            passphrase: "", salt: "", work: 16, blockSize: 1, parallelism: 1,
            output: "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"),
        ScryptVector(
            passphrase: "password", salt: "NaCl", work: 1024, blockSize: 8, parallelism: 16,
            output: "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"),
        ScryptVector(
            passphrase: "pleaseletmein", salt: "SodiumChloride", work: 16_384, blockSize: 8, parallelism: 1,
            output: "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"),
    ])
    func `a key out of a passphrase agrees with the published cases of scrypt`(vector: ScryptVector) throws {
        let output = try Scrypt.bytes(
            from: Array(vector.passphrase.utf8), salt: Array(vector.salt.utf8), work: vector.work,
            blockSize: vector.blockSize, parallelism: vector.parallelism, count: 64)
        #expect(Hex.text(of: output) == vector.output)
    }

    @Test func `a passphrase's key is the first 32 bytes, of block size 8 and without parallelism`() throws {
        let passphrase = try Passphrase(Array("pleaseletmein".utf8))
        let key = try Scrypt.key(from: passphrase, salt: Array("SodiumChloride".utf8), log2Work: 14)
        #expect(key == SecretKey(try bytes("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")))
        #expect(throws: KeyError.failed) {
            try Scrypt.bytes(from: [1], salt: [], work: 15, blockSize: 8, parallelism: 1, count: 32)
        }
    }

    @Test func `a passphrase has 1 to 1024 bytes`() throws {
        #expect(throws: KeyError.malformed) { try Passphrase([]) }
        #expect(throws: KeyError.malformed) { try Passphrase([UInt8](repeating: 0x61, count: 1025)) }
        _ = try Passphrase([UInt8](repeating: 0x61, count: 1024))
        _ = try Passphrase([0])
    }

    /// RFC 8439, section 2.8.2.
    @Test func `sealing agrees with the published case of ChaCha20-Poly1305, and opening undoes it`() throws {
        let cipher = try ChaChaPoly()
        let plain = Array(
            ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                + "sunscreen would be it.").utf8)
        let key = SecretKey([UInt8](0x80...0x9f))
        let nonce = try bytes("070000004041424344454647")
        let associated = try bytes("50515253c0c1c2c3c4c5c6c7")
        var sealed: [UInt8] = [7]
        try cipher.seal(
            plain, in: 0..<plain.count, key: key, nonce: nonce, associated: associated, onto: &sealed)
        #expect(
            Hex.text(of: sealed) == "07"
                + "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                + "3ff4def08e4b7a9de576d26586cec64b6116" + "1ae10b594f09e26a7e902ecbd0600691")
        var opened: [UInt8] = [8]
        try cipher.open(
            sealed, in: 1..<sealed.count, key: key, nonce: nonce, associated: associated, onto: &opened)
        #expect(opened == [8] + plain)
        for bit in 8..<(sealed.count * 8) {
            #expect(throws: KeyError.wrongKey) {
                try cipher.open(
                    flipped(sealed, bit), in: 1..<sealed.count, key: key, nonce: nonce, associated: associated,
                    onto: &opened)
            }
        }
        #expect(throws: KeyError.malformed) {
            try cipher.open(sealed, in: 0..<15, key: key, nonce: nonce, onto: &opened)
        }
        #expect(opened == [8] + plain)
    }

    /// BIP-173, test vectors: valid Bech32.
    @Test(arguments: [
        ("A12UEL5L", "a", 0), ("a12uel5l", "a", 0), ("?1ezyfcl", "?", 0),
        (
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0
        ),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20),
        (
            "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j", "1", 51
        ),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split", 30),
    ])
    func `a published Bech32 text is read, and written again`(text: String, prefix: String, count: Int) throws {
        let read = try #require(Bech32.read(Array(text.utf8)))
        #expect(read.prefix == prefix && read.bytes.count == count)
        #expect(String(decoding: Bech32.text(prefix: prefix, bytes: read.bytes), as: UTF8.self) == text.lowercased())
    }

    /// BIP-173, test vectors: what is not valid Bech32, but for the limit of length, which age does not have. The last
    /// four have a right checksum, and unused bits that are ones or make a group of their own.
    @Test func `what is no Bech32 is not read`() {
        let texts = [
            "\u{20}1nwldj5", "\u{7f}1axkwrx", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "A1G7SGD8",
            "10a06t8", "1qzzfhee", "", "1", "a1", "A12uEL5L", "a12uel5m",
            "age1qdd35qf", "age1qpu0j2ex", "age1qqqyst3gn", "age1qqqpzh8mqf",
        ]
        for text in texts { #expect(Bech32.read(Array(text.utf8)) == nil, "\(text)") }
        #expect(Bech32.read([0x80] + Array("1eym55h".utf8)) == nil)
        #expect(Bech32.read(Array("de1lg7wt".utf8) + [0xff]) == nil)
    }

    @Test func `bytes of every length come back, and no slip of one character does`() throws {
        var dice = SeededDice(seed: 5)
        for count in 0...70 {
            let bytes = dice.bytes(count)
            let read = try #require(Bech32.read(Bech32.text(prefix: "age", bytes: bytes)))
            #expect(read.prefix == "age" && read.bytes == bytes)
        }
        let text = Bech32.text(prefix: "age", bytes: dice.bytes(32))
        for at in text.indices {
            for character in UInt8(0x21)...0x7e where character != text[at] {
                var slipped = text
                slipped[at] = character
                #expect(Bech32.read(slipped) == nil)
            }
        }
    }
}
