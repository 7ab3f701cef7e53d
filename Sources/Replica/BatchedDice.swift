internal import Bytes
internal import Keys

/// Draws nonces, tags and salts by the page from the dice handed in, since each draw from a boxed source is dear. Keys
/// are drawn from the source itself and never lie in the page.
struct BatchedDice: Dice {
    private static let page = 4096

    private var source: any Dice
    private var bytes: [UInt8] = []
    private var next = 0

    init(_ source: any Dice) { self.source = source }

    mutating func bytes(_ count: Int) -> [UInt8] {
        guard count <= Self.page else { return source.bytes(count) }
        if next + count > bytes.count {
            bytes = source.bytes(Self.page)
            next = 0
        }
        defer { next += count }
        return Array(bytes[next..<(next + count)])
    }

    mutating func key() -> SecretKey { SecretKey(source.bytes(SecretKey.count)) }
}
