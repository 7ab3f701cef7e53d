import Bytes
import Clinic
import Compression
import Testing

@Suite struct CompressionTests {
    private let compressor = ValueCompressor()

    /// Bytes of three kinds, of one length: text like the dictionary's, one byte again and again, and noise.
    private func samples(count: Int, dice: inout SeededDice) -> [[UInt8]] {
        let words = DictionaryID.events.bytes
        let start = Int(dice.next() % UInt64(words.count - 2000))
        return [Array(words[start..<(start + count)]), [UInt8](repeating: 0x20, count: count), dice.bytes(count)]
    }

    private func compressed(_ bytes: [UInt8], _ dictionary: DictionaryID = .events) -> [UInt8] {
        var output: [UInt8] = []
        compressor.compress(bytes, in: 0..<bytes.count, dictionary: dictionary, onto: &output)
        return output
    }

    private func expanded(_ bytes: [UInt8], atMost limit: Int = 1 << 20) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = []
        try compressor.expand(bytes, in: 0..<bytes.count, atMost: limit, onto: &output)
        return output
    }

    @Test(arguments: DictionaryID.allCases)
    func `every length from 0 to 2000 comes back, and is never longer by more than its head`(
        dictionary: DictionaryID
    ) throws {
        var dice = SeededDice(seed: 5)
        for count in 0...2000 {
            for sample in samples(count: count, dice: &dice) {
                let value = compressed(sample, dictionary)
                #expect(value.count <= count + (count < 128 ? 2 : 3))
                #expect(try expanded(value) == sample)
                #expect(try ValueCompressor.plainCount(of: value, in: 0..<value.count) == count)
            }
        }
    }

    @Test func `a long value comes back`() throws {
        let long = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 7) }
        #expect(try expanded(compressed(long)) == long)
    }

    @Test func `a value is taken from and put into the midst of arrays`() throws {
        let bytes = Array(DictionaryID.events.bytes[100..<900])
        var output: [UInt8] = [1, 2]
        compressor.compress(bytes, in: 200..<700, dictionary: .events, onto: &output)
        #expect(output.prefix(2) == [1, 2])
        var plain: [UInt8] = [3]
        try compressor.expand(output + [9, 9], in: 2..<output.count, onto: &plain)
        #expect(plain == [3] + bytes[200..<700])
    }

    @Test func `noise is stored, and what stands in the dictionary shrinks`() {
        var dice = SeededDice(seed: 6)
        let noise = dice.bytes(300)
        #expect(compressed(noise) == [0, 0xac, 0x02] + noise)
        let text = compressed(Array(DictionaryID.events.bytes[3000..<3500]))
        #expect(text.first == 1 && text.count < 50)
    }

    @Test func `each value stands alone, so that order and neighbours change nothing`() {
        let a = Array(DictionaryID.events.bytes[0..<400])
        let b = Array("{\"resourceType\":\"Patient\",\"id\":\"p-1\",\"name\":[{\"family\":\"Quist\"}]}".utf8)
        let alone = compressed(a)
        _ = compressed(b)
        #expect(compressed(a) == alone)
        #expect(ValueCompressorTwin.compressed(a) == alone)
    }

    @Test func `events of clinics that the dictionary never saw shrink to three tenths`() throws {
        var clinic = ClinicGenerator(seed: 4242, patients: 1000, events: 2000)
        var plain = 0
        var small = 0
        while let event = clinic.next() {
            let value = compressed(event)
            #expect(try expanded(value) == event)
            plain += event.count
            small += value.count
        }
        #expect(small * 10 < plain * 3)
    }
}

/// A compressor that has seen nothing before.
private enum ValueCompressorTwin {
    static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        ValueCompressor().compress(bytes, in: 0..<bytes.count, dictionary: .events, onto: &output)
        return output
    }
}
