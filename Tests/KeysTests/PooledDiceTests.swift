import Keys
import Testing

@Suite struct PooledDiceTests {
    @Test func `no byte goes out twice, whatever name the dice go by and however often the pool is filled`() {
        let dice = PooledDice()
        let sameDice = dice
        var drawn: Set<[UInt8]> = []
        for _ in 0..<1000 {
            drawn.insert(dice.bytes(12))
            drawn.insert(sameDice.bytes(12))
        }
        #expect(drawn.count == 2000)
        #expect(!drawn.contains([UInt8](repeating: 0, count: 12)))
    }

    @Test(arguments: [0, 1, 32, 64, 65, 5000])
    func `as many bytes come as were asked for`(count: Int) {
        #expect(PooledDice().bytes(count).count == count)
    }
}
