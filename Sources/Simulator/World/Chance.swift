internal import Bytes

/// The dice of one concern of a world: a network, one disk, the clients. Each concern has its own, so that a change in
/// one does not shift what the others draw. Integers only: two machines draw the same.
struct Chance {
    private var dice: SeededDice

    init(seed: UInt64, _ concern: Concern, _ number: Int = 0) {
        var mixed = SeededDice(seed: seed ^ concern.rawValue &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(number) << 48)
        dice = SeededDice(seed: mixed.next())
    }

    enum Concern: UInt64 {
        case plan = 1
        case network, disk, process, client, fault, heal, keys, examination
    }

    mutating func word() -> UInt64 { dice.next() }

    /// 0 ..< bound.
    mutating func below(_ bound: UInt64) -> UInt64 { dice.next().multipliedFullWidth(by: max(1, bound)).high }

    mutating func below(_ bound: Int) -> Int { Int(below(UInt64(max(1, bound)))) }

    mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    mutating func oneIn(_ count: UInt64) -> Bool { below(count) == 0 }

    mutating func perMillion(_ rate: UInt64) -> Bool { rate > 0 && below(1_000_000) < rate }

    /// About exponentially distributed: the logarithm is taken in bits, with straight lines between powers of two.
    mutating func exponential(mean: UInt64) -> UInt64 {
        let word = dice.next() | 1
        let zeros = UInt64(word.leadingZeroBitCount)
        let fraction = (word << (zeros + 1)) >> 48
        // -log2(word / 2^64) in 16 bits of fraction, times mean, times ln 2.
        let bits = ((zeros + 1) << 16) - fraction
        return (((bits * 45_426) >> 16) * mean) >> 16
    }

    /// One of them.
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
