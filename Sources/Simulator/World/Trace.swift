/// A sum over everything that happened, in order: two runs of one plan that differ anywhere differ here.
struct Trace {
    private(set) var value: UInt64 = 0x5eed

    mutating func add(_ kind: UInt64, _ a: UInt64, _ b: UInt64, _ c: UInt64 = 0) {
        mix(kind &* 0x9e37_79b9_7f4a_7c15 ^ a)
        mix(b &* 0xbf58_476d_1ce4_e5b9 ^ c)
    }

    private mutating func mix(_ word: UInt64) {
        var mixed = (value ^ word) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 29
        value = (mixed << 17 | mixed >> 47) &+ word
    }
}
