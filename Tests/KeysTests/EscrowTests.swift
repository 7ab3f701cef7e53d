import Bytes
import Files
import Keys
import TestSupport
import Testing

@Suite struct EscrowTests {
    private let cluster = [UInt8](0x10..<0x20)
    private let madeAt = Instant(microseconds: 1_795_255_200_000_001)
    private let bundle: EscrowBundle
    private let pair: AgeKeyPair

    init() throws {
        bundle = EscrowBundle(
            clusterID: cluster, madeAt: madeAt, registryEpoch: 3,
            held: [
                HeldKey(kind: .audit, epoch: 1, key: SecretKey([UInt8](100..<132))),
                HeldKey(kind: .registryEpoch, epoch: 3, key: SecretKey([UInt8](60..<92))),
                HeldKey(kind: .logEpoch, epoch: 2, key: SecretKey([UInt8](30..<62))),
                HeldKey(kind: .registryEpoch, epoch: 2, key: SecretKey([UInt8](40..<72))),
                HeldKey(kind: .logEpoch, epoch: 1, key: SecretKey([UInt8](0..<32))),
            ])
        pair = try AgeKeyPair(secret: SecretKey([UInt8](1...32)))
    }

    private func expectEqual(_ read: EscrowBundle, _ wanted: EscrowBundle) {
        #expect(read.clusterID == wanted.clusterID && read.madeAt == wanted.madeAt)
        #expect(read.registryEpoch == wanted.registryEpoch)
        #expect(read.held.map(\.kind) == wanted.held.map(\.kind))
        #expect(read.held.map(\.epoch) == wanted.held.map(\.epoch))
        #expect(read.held.map(\.key) == wanted.held.map(\.key))
    }

    /// The bytes with the digest that fits them.
    private func digested(_ bytes: [UInt8]) -> [UInt8] {
        let body = Array(bytes.dropLast(32))
        return body + SHA256.digest(body).bytes
    }

    @Test func `a bundle of format 1 reads as it did, and holds its keys in their order`() throws {
        let golden = try Fixture.bytes("keys/escrow-1.bin", orWrite: bundle.encoded())
        #expect(bundle.encoded() == golden)
        let read = try EscrowBundle(decoding: golden)
        expectEqual(read, bundle)
        #expect(read.held.map(\.epoch) == [1, 2, 2, 3, 1])
        #expect(golden.count == 40 + 5 * 40 + 32)
    }

    @Test func `a sealed bundle of format 1 opens as it did`() throws {
        var dice = SeededDice(seed: 9)
        let sealed = try bundle.sealed(to: [pair.recipient], dice: &dice)
        let golden = try Fixture.bytes("keys/escrow-1.age", orWrite: sealed)
        #expect(sealed == golden)
        expectEqual(try EscrowBundle.open(golden, with: [pair.identity]), bundle)
    }

    @Test func `a bundle is sealed to a passphrase or to keys, and comes back`() throws {
        var dice = SeededDice(seed: 1)
        let passphrase = try Passphrase(Array("in an envelope in the safe".utf8))
        let word = try bundle.sealed(to: [.passphrase(passphrase)], log2Work: 4, dice: &dice)
        expectEqual(try EscrowBundle.open(word, with: [.passphrase(passphrase)]), bundle)
        let other = try AgeKeyPair.random(dice: &dice)
        let both = try bundle.sealed(to: [other.recipient, pair.recipient], dice: &dice)
        for identity in [pair.identity, other.identity] {
            expectEqual(try EscrowBundle.open(both, with: [identity]), bundle)
        }
        #expect(throws: KeyError.missing) { try EscrowBundle.open(both, with: [.passphrase(passphrase)]) }
        let letter = try AgeFile.seal(Array("a letter".utf8), to: [pair.recipient], dice: &dice)
        #expect(throws: KeyError.malformed) { try EscrowBundle.open(letter, with: [pair.identity]) }
        #expect(throws: KeyError.malformed) { try EscrowBundle.open(bundle.encoded(), with: [pair.identity]) }
    }

    @Test func `with any bit turned, cut anywhere or with a byte more, it is no bundle`() throws {
        let bytes = bundle.encoded()
        for bit in 0..<(bytes.count * 8) {
            #expect(throws: KeyError.malformed) { try EscrowBundle(decoding: flipped(bytes, bit)) }
        }
        for count in bytes.indices {
            #expect(throws: KeyError.malformed) { try EscrowBundle(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: KeyError.malformed) { try EscrowBundle(decoding: bytes + [0]) }
    }

    /// With a digest that fits, what is said must still be sayable.
    @Test func `a bundle of another form is refused even when its digest fits`() throws {
        let bytes = bundle.encoded()
        _ = try EscrowBundle(decoding: digested(bytes))
        func changed(_ at: Int, _ new: [UInt8]) -> [UInt8] {
            var changed = bytes
            changed.replaceSubrange(at..<(at + new.count), with: new)
            return digested(changed)
        }
        let (first, second) = (Array(bytes[40..<80]), Array(bytes[80..<120]))
        let empty = Array(bytes[..<10]) + [0, 0] + Array(bytes[12..<40])
        let wrong = [
            changed(0, [0x63]), changed(8, [2]), changed(9, [1]), changed(10, [4]), changed(10, [6]), changed(11, [1]),
            changed(12, [4]), changed(32, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            changed(32, [0, 0, 0, 0, 0, 0, 0, 0x80]), changed(40, [0]), changed(40, [4]), changed(41, [1]),
            changed(43, [1]), changed(40, second + first), changed(40, first + first),
            digested(empty + [UInt8](repeating: 0, count: 32)),
            digested(bytes.dropLast(32) + [UInt8](repeating: 0, count: 40) + [UInt8](repeating: 0, count: 32)),
        ]
        for (number, bytes) in wrong.enumerated() {
            #expect(throws: KeyError.malformed, "case \(number)") { try EscrowBundle(decoding: bytes) }
        }
    }

    @Test func `64 keys are a bundle and 65 are none`() throws {
        func bytes(_ count: Int) -> [UInt8] {
            let keys = (1...count).flatMap { epoch -> [UInt8] in
                [2, 0, 0, 0, UInt8(epoch), 0, 0, 0] + [UInt8](repeating: UInt8(epoch), count: 32)
            }
            let head = Array("CLESCROW".utf8) + [1, 0, UInt8(count), 0, 1, 0, 0, 0] + cluster
            return digested(head + [UInt8](repeating: 0, count: 8) + keys + [UInt8](repeating: 0, count: 32))
        }
        let whole = try EscrowBundle(decoding: bytes(64))
        #expect(whole.held.count == 64 && whole.encoded() == bytes(64))
        #expect(throws: KeyError.malformed) { try EscrowBundle(decoding: bytes(65)) }
    }

    @Test func `a store's keys go into escrow and come back in a new key file`() throws {
        let (store, path, root) = (MemoryFiles(), "keys", SecretKey([UInt8](0..<32)))
        var dice = SeededDice(seed: 4)
        let old = try KeyFile.create(store, path: path, root: root, clusterID: cluster, dice: &dice)
        try old.add(.registryEpoch, epoch: 2, key: .random(dice: &dice), dice: &dice)
        try old.destroy(.registryEpoch, epoch: 1)
        let pair = try AgeKeyPair.random(dice: &dice)
        let escrow = try EscrowBundle(
            clusterID: cluster, madeAt: Instant(microseconds: 1), registryEpoch: 2, held: old.held
        ).sealed(to: [pair.recipient], dice: &dice)
        let bundle = try EscrowBundle.open(escrow, with: [pair.identity])
        let (elsewhere, newRoot) = (MemoryFiles(), SecretKey.random(dice: &dice))
        _ = try KeyFile.create(
            elsewhere, path: path, root: newRoot, clusterID: bundle.clusterID, held: bundle.held, dice: &dice)
        let new = try KeyFile.open(elsewhere, path: path, root: newRoot, clusterID: cluster)
        #expect(new.held.map(\.key) == old.held.map(\.key) && new.newestEpoch(.registryEpoch) == 2)
        let rings = (KeyRing(old, clusterID: cluster), KeyRing(new, clusterID: cluster))
        #expect(try rings.0.snapshotKey() == rings.1.snapshotKey())
    }
}
