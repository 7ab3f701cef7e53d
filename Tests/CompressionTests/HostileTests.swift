import Bytes
import Compression
import Testing

/// Compressed values that nobody honest wrote.
@Suite struct HostileTests {
    private let compressor = ValueCompressor()

    private func expand(_ bytes: [UInt8], atMost limit: Int = 4096) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = [7]
        do {
            try compressor.expand(bytes, in: 0..<bytes.count, atMost: limit, onto: &output)
        } catch {
            #expect(output == [7], "a refused value leaves nothing behind")
            throw error
        }
        return Array(output.dropFirst())
    }

    @Test func `a length beyond the limit is refused before anything is made`() {
        for head: [UInt8] in [[0, 0x81, 0x20], [1, 0x81, 0x20], [2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            #expect(throws: CompressionError.tooLong) { try expand(head + [1, 2, 3]) }
        }
    }

    @Test func `a length that the data cannot reach is malformed`() {
        #expect(throws: CompressionError.malformed) { try expand([1, 0xff, 0x1f, 0x10, 0x41]) }
        #expect(throws: CompressionError.malformed) { try expand([1, 0x05]) }
    }

    @Test func `unknown forms, cut heads and wrong stored lengths are malformed`() {
        for bytes: [UInt8] in [[], [0], [1], [3, 1, 0x10], [255, 0], [0, 2, 1], [0, 0, 1], [0, 0x80, 0x00]] {
            #expect(throws: CompressionError.malformed) { try expand(bytes) }
        }
    }

    @Test func `a match that begins before the dictionary is malformed`() {
        // One literal, then a match of 4 bytes 65,535 back: the dictionary has 16 KiB.
        #expect(throws: CompressionError.malformed) {
            try expand([1, 10, 0x10, 0x41, 0xff, 0xff, 0x50, 1, 2, 3, 4, 5])
        }
    }

    @Test func `any cut of a compressed value is refused`() throws {
        let plain = Array(DictionaryID.events.bytes[500..<1100]) + Array("not in the dictionary".utf8)
        var value: [UInt8] = []
        compressor.compress(plain, in: 0..<plain.count, dictionary: .events, onto: &value)
        #expect(value.first == 1)
        for count in 0..<value.count {
            #expect(throws: CompressionError.malformed) { try expand(Array(value[..<count])) }
        }
    }

    @Test func `any changed byte is refused or gives exactly the stated length`() throws {
        let plain = Array(DictionaryID.events.bytes[2000..<2400]) + Array("tail of another kind".utf8)
        var value: [UInt8] = []
        compressor.compress(plain, in: 0..<plain.count, dictionary: .events, onto: &value)
        for at in value.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = value
                changed[at] = byte
                guard let made = try? expand(changed) else { continue }
                #expect(made.count == (try ValueCompressor.plainCount(of: changed, in: 0..<changed.count)))
            }
        }
    }

    @Test func `noise under every form is refused or gives exactly the stated length`() throws {
        var dice = SeededDice(seed: 11)
        for _ in 0..<20_000 {
            var bytes = dice.bytes(Int(dice.next() % 60) + 3)
            bytes[0] %= 4
            bytes[1] &= 0x7f
            guard let made = try? expand(bytes) else { continue }
            #expect(made.count == Int(bytes[1]))
        }
    }
}
