import API
import Foundation
import Testing

/// Every input a fuzzer began with or ever found stays here and is run again.
struct FuzzReplayTests {
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/fuzz/http")

    private static func inputs() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }
    }

    @Test func `all that a fuzzer of HTTP was given or found is read without harm`() throws {
        let inputs = try Self.inputs()
        #expect(inputs.count > 100)
        for input in inputs { HTTPFuzzing.run([UInt8](try Data(contentsOf: input))) }
    }

    @Test func `every input cut short anywhere, or with one bit turned, is read without harm`() throws {
        for input in try Self.inputs() {
            let bytes = [UInt8](try Data(contentsOf: input))
            guard bytes.count < 160 else { continue }
            for count in bytes.indices { HTTPFuzzing.run(Array(bytes[..<count])) }
            for index in bytes.indices {
                var turned = bytes
                turned[index] ^= 1 << UInt8(index % 8)
                HTTPFuzzing.run(turned)
            }
        }
    }
}
