package import Bytes

/// The 128 random bits that name a cluster: in every file, so that nothing of another cluster is ever taken for ours.
package struct ClusterIdentity: Hashable, Sendable {
    package let low: UInt64
    package let high: UInt64

    package static let count = 16

    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// - Precondition: `bytes` has 16 bytes.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.count)
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            words.0 |= UInt64(bytes[index]) << UInt64(8 * index)
            words.1 |= UInt64(bytes[8 + index]) << UInt64(8 * index)
        }
        self.init(low: words.0, high: words.1)
    }

    package static func random(dice: inout some Dice) -> ClusterIdentity {
        ClusterIdentity(low: dice.word(), high: dice.word())
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.count)
        writer.u64(low)
        writer.u64(high)
        return writer.bytes
    }
}
