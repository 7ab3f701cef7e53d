import Bytes
import Keys
import Testing

/// A message repeated, as the standards give it, and what must come of it.
struct HashVector: Sendable {
    let message: String
    let repeated: Int
    let digest: String
}

struct MACVector: Sendable {
    let key, message, digest: String
}

struct HKDFVector: Sendable {
    let secret, salt, info, output: String
}

@Suite struct HashTests {
    private let crypto: Crypto

    init() throws { crypto = try Crypto() }

    /// FIPS 180-4 examples, as collected by NIST.
    @Test(arguments: [
        HashVector(
            message: "", repeated: 1, digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        HashVector(
            message: "abc", repeated: 1, digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        HashVector(
            message: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", repeated: 1,
            digest: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        HashVector(
            message: "a", repeated: 1_000_000,
            digest: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `hashing agrees with the published examples of SHA-256`(vector: HashVector) {
        let message = [UInt8](String(repeating: vector.message, count: vector.repeated).utf8)
        #expect(crypto.sha256(message).hex == vector.digest)
        var parts = SHA256()
        for start in stride(from: 0, to: message.count, by: 977) {
            parts.update(message, in: start..<min(start + 977, message.count))
        }
        #expect(parts.finish().hex == vector.digest)
    }

    @Test func `numbers and digests go into a hash as their little-endian bytes`() {
        var hash = SHA256()
        hash.update(u8: 1)
        hash.update(u32: 0x0504_0302)
        hash.update(u64: 0x0d0c_0b0a_0908_0706)
        hash.update(Digest([UInt8](14..<46)))
        #expect(hash.finish() == crypto.sha256([UInt8](1..<46)))
        #expect(crypto.sha256(parts: [1, 2], [], [3]) == crypto.sha256([0, 1, 2, 3, 4], in: 1..<4))
    }

    /// RFC 4231 cases 1 to 4, 6 and 7 (5 is a cut output).
    @Test(arguments: [
        MACVector(
            key: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", message: "4869205468657265",
            digest: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        MACVector(
            key: "4a656665", message: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            digest: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        MACVector(
            key: String(repeating: "aa", count: 20), message: String(repeating: "dd", count: 50),
            digest: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        MACVector(
            key: "0102030405060708090a0b0c0d0e0f10111213141516171819", message: String(repeating: "cd", count: 50),
            digest: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        MACVector(
            key: String(repeating: "aa", count: 131),
            message: "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20486173682"
                + "04b6579204669727374",
            digest: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        MACVector(
            key: String(repeating: "aa", count: 131),
            message: "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b6"
                + "57920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e656"
                + "5647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616"
                + "c676f726974686d2e",
            digest: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ])
    func `a MAC agrees with the published cases of HMAC-SHA-256, again and again`(vector: MACVector) throws {
        let key = MACKey(bytes: try bytes(vector.key))
        let message = try bytes(vector.message)
        #expect(crypto.hmac(message, key: key).hex == vector.digest)
        #expect(crypto.hmac(message, key: key).hex == vector.digest)
        var mac = MAC(key: key)
        for byte in message { mac.update(u8: byte) }
        #expect(mac.finish().hex == vector.digest)
    }

    @Test func `a secret key and the same bytes make the same MAC key`() {
        let raw = [UInt8](3..<35)
        let secret = MACKey(SecretKey(raw))
        #expect(crypto.hmac([1], key: secret) == crypto.hmac([1], key: MACKey(bytes: raw)))
    }

    @Test func `tokens tell apart lists of parts that read alike when joined`() {
        let key = MACKey(bytes: [1])
        let tokens = [
            crypto.token([1, 2], [3], key: key), crypto.token([1], [2, 3], key: key),
            crypto.token([1, 2, 3], key: key), crypto.token([1, 2, 3], [], key: key),
            crypto.token([1, 2, 3], key: MACKey(bytes: [2])),
        ]
        #expect(Set(tokens).count == tokens.count)
        let whole = crypto.hmac([3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3], key: key)
        #expect(tokens[2] == Token128(low: whole.words.0, high: whole.words.1))
    }

    /// RFC 5869, appendices A.1 to A.3.
    @Test(arguments: [
        HKDFVector(
            secret: String(repeating: "0b", count: 22), salt: "000102030405060708090a0b0c",
            info: "f0f1f2f3f4f5f6f7f8f9",
            output: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        HKDFVector(
            secret: Hex.text(of: [UInt8](0x00...0x4f)), salt: Hex.text(of: [UInt8](0x60...0xaf)),
            info: Hex.text(of: [UInt8](0xb0...0xff)),
            output: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                + "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        HKDFVector(
            secret: String(repeating: "0b", count: 22), salt: "", info: "",
            output: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ])
    func `derivation agrees with the published cases of HKDF`(vector: HKDFVector) throws {
        let output = HKDF.bytes(
            from: try bytes(vector.secret), salt: try bytes(vector.salt), info: try bytes(vector.info),
            count: vector.output.utf8.count / 2)
        #expect(Hex.text(of: output) == vector.output)
    }

    @Test func `a derived key is the first 32 bytes of the output`() {
        let secret = [UInt8](7..<39)
        let key = crypto.hkdf(secret: SecretKey(secret), salt: [1], info: [2])
        #expect(key == SecretKey(HKDF.bytes(from: secret, salt: [1], info: [2], count: 32)))
        #expect(key != crypto.hkdf(secret: SecretKey(secret), salt: [1], info: [3]))
    }
}
