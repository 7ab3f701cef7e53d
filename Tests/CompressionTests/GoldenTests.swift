import Bytes
import Compression
import TestSupport
import Testing

/// Format 1, as it was agreed on.
@Suite struct GoldenTests {
    private static let patient = """
        {"specversion":"1.0","id":"e1","source":"/clinic/front-desk","type":"patient.registered",\
        "subject":"patient/p-1","data":{"resourceType":"Patient","id":"p-1","name":[{"family":"Quist"}]}}
        """

    private static let plains: [(dictionary: DictionaryID, bytes: [UInt8])] = [
        (.events, Array(patient.utf8)),
        (.records, Array("front-desk TREAT 127.0.0.1 /v1/events?subject=patient/p-1".utf8)),
        (.events, []), (.events, [1, 2, 3]),
    ]

    @Test(arguments: DictionaryID.allCases)
    func `a dictionary never changes`(dictionary: DictionaryID) throws {
        let golden = try Fixture.bytes("compression/dictionary-\(dictionary.rawValue).bin", orWrite: dictionary.bytes)
        #expect(dictionary.bytes == golden)
    }

    @Test func `values of format 1 read as they did`() throws {
        let compressor = ValueCompressor()
        func written() -> [UInt8] {
            var writer = ByteWriter()
            for plain in Self.plains {
                var value: [UInt8] = []
                compressor.compress(
                    plain.bytes, in: 0..<plain.bytes.count, dictionary: plain.dictionary, onto: &value)
                writer.counted(value)
            }
            return writer.bytes
        }
        var reader = ByteReader(try Fixture.bytes("compression/values-1.bin", orWrite: written()))
        for plain in Self.plains {
            let range = try reader.range(reader.count(atMost: 1000))
            var made: [UInt8] = []
            try compressor.expand(reader.bytes, in: range, onto: &made)
            #expect(made == plain.bytes)
        }
        #expect(reader.isAtEnd)
    }
}
