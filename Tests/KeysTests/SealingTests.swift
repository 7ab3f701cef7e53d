import Bytes
import Keys
import Testing

/// AES-256-GCM with 96-bit nonces: McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16.
struct GCMVector: Sendable {
    let key, nonce, plain, associated, sealed, tag: String

    static let all = [
        GCMVector(
            key: String(repeating: "00", count: 32), nonce: "000000000000000000000000", plain: "", associated: "",
            sealed: "", tag: "530f8afbc74536b9a963b4f1c4cb738b"),
        GCMVector(
            key: String(repeating: "00", count: 32), nonce: "000000000000000000000000",
            plain: "00000000000000000000000000000000", associated: "", sealed: "cea7403d4d606b6e074ec5d3baf39d18",
            tag: "d0d1c8a799996bf0265b98b5d48ab919"),
        GCMVector(
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", nonce: "cafebabefacedbaddecaf888",
            plain: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            associated: "",
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
            tag: "b094dac5d93471bdec1a502270e3cc6c"),
        GCMVector(
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", nonce: "cafebabefacedbaddecaf888",
            plain: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]
}

@Suite struct SealingTests {
    private let crypto: Crypto
    private let key = SecretKey([UInt8](0..<32))
    private let nonce = [UInt8](repeating: 9, count: 12)

    init() throws { crypto = try Crypto() }

    @Test(arguments: GCMVector.all)
    func `sealing agrees with the published cases of GCM, and opening undoes it`(vector: GCMVector) throws {
        let key = SecretKey(try bytes(vector.key))
        let plain = try bytes(vector.plain)
        let associated = try bytes(vector.associated)
        var sealed: [UInt8] = []
        try crypto.seal(
            plain, in: 0..<plain.count, key: key, nonce: try bytes(vector.nonce), associated: associated, onto: &sealed)
        #expect(Hex.text(of: sealed) == vector.nonce + vector.sealed + vector.tag)
        var opened: [UInt8] = []
        try crypto.open(sealed, in: 0..<sealed.count, key: key, associated: associated, onto: &opened)
        #expect(opened == plain)
    }

    @Test func `a part of an array is sealed and opened in place, after what stood there`() throws {
        let plain = [UInt8](0..<200)
        var sealed: [UInt8] = [1, 2, 3]
        try crypto.seal(plain, in: 50..<100, key: key, nonce: nonce, associated: [7], onto: &sealed)
        #expect(sealed.count == 3 + 50 + Crypto.overheadBytes && sealed.prefix(3) == [1, 2, 3])
        var opened: [UInt8] = [4]
        try crypto.open(sealed, in: 3..<sealed.count, key: key, associated: [7], onto: &opened)
        #expect(opened == [4] + plain[50..<100])
    }

    @Test func `any changed bit of nonce, ciphertext or tag fails to open, and leaves no plain byte`() throws {
        let plain = Array("a patient's words".utf8)
        var sealed: [UInt8] = []
        try crypto.seal(plain, in: 0..<plain.count, key: key, nonce: nonce, associated: [1, 2, 3], onto: &sealed)
        for bit in 0..<(sealed.count * 8) {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            var opened: [UInt8] = [42]
            #expect(throws: KeyError.wrongKey) {
                try crypto.open(changed, in: 0..<changed.count, key: key, associated: [1, 2, 3], onto: &opened)
            }
            #expect(opened == [42])
        }
    }

    @Test func `any changed bit of the associated data fails to open, as does another key`() throws {
        let associated = [UInt8](0..<40)
        var sealed: [UInt8] = []
        try crypto.seal([1, 2, 3], in: 0..<3, key: key, nonce: nonce, associated: associated, onto: &sealed)
        var opened: [UInt8] = []
        for bit in 0..<(associated.count * 8) {
            var changed = associated
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: KeyError.wrongKey) {
                try crypto.open(sealed, in: 0..<sealed.count, key: key, associated: changed, onto: &opened)
            }
        }
        for wrong in [associated + [0], Array(associated.dropLast()), []] {
            #expect(throws: KeyError.wrongKey) {
                try crypto.open(sealed, in: 0..<sealed.count, key: key, associated: wrong, onto: &opened)
            }
        }
        var dice = SeededDice(seed: 1)
        let other = SecretKey.random(dice: &dice)
        #expect(throws: KeyError.wrongKey) {
            try crypto.open(sealed, in: 0..<sealed.count, key: other, associated: associated, onto: &opened)
        }
        try crypto.open(sealed, in: 0..<sealed.count, key: key, associated: associated, onto: &opened)
        #expect(opened == [1, 2, 3])
    }

    @Test(arguments: 0..<Crypto.overheadBytes)
    func `what is too short for nonce and tag is malformed`(count: Int) throws {
        var opened: [UInt8] = []
        #expect(throws: KeyError.malformed) {
            try crypto.open(
                [UInt8](repeating: 0, count: count), in: 0..<count, key: key, associated: [], onto: &opened)
        }
    }

    @Test func `every length from nothing to four blocks and more comes back`() throws {
        var dice = SeededDice(seed: 2)
        for count in 0...80 {
            let plain = dice.bytes(count)
            let nonce = dice.bytes(12)
            var sealed: [UInt8] = []
            try crypto.seal(plain, in: 0..<count, key: key, nonce: nonce, associated: plain, onto: &sealed)
            #expect(sealed.count == count + Crypto.overheadBytes)
            var opened: [UInt8] = []
            try crypto.open(sealed, in: 0..<sealed.count, key: key, associated: plain, onto: &opened)
            #expect(opened == plain)
        }
    }

    @Test func `secret keys are equal by their bytes, and constant time equality is equality`() {
        #expect(SecretKey([UInt8](0..<32)) == key)
        #expect(SecretKey([UInt8](1...32)) != key)
        #expect(ConstantTime.equal([1, 2], [1, 2]) && ConstantTime.equal([], []))
        #expect(!ConstantTime.equal([1, 2], [1, 3]) && !ConstantTime.equal([1, 2], [1, 2, 3]))
    }

    @Test func `the system's dice give as many bytes as asked, and others each time`() {
        var dice = SystemDice()
        #expect(dice.bytes(0).isEmpty)
        let first = dice.bytes(32)
        #expect(first.count == 32 && first != dice.bytes(32))
    }

    @Test func `more keys than the locked memory holds still hold their bytes`() {
        let keys = (0..<70_000).map { number in
            SecretKey([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32))
        }
        for (number, key) in keys.enumerated() where number % 997 == 0 {
            #expect(key == SecretKey([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32)))
        }
    }
}

/// The bytes that hexadecimal digits spell.
func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.bytes(of: hex)) }
