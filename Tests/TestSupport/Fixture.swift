import Foundation

/// Files under `Fixtures` that say what a format or an output was when it was agreed on.
package enum Fixture {
    /// The bytes of `Fixtures/NAME`. With UPDATE_FIXTURES=1 in the environment, `made` is written there first; read
    /// the difference before committing it.
    ///
    /// - Throws: when the file cannot be read or written.
    package static func bytes(_ name: String, orWrite made: @autoclosure () throws -> [UInt8]) throws -> [UInt8] {
        let place = root.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["UPDATE_FIXTURES"] == "1" {
            let directory = place.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data(made()).write(to: place)
        }
        return try bytes(name)
    }

    /// The bytes of `Fixtures/NAME`, which another test writes.
    package static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appendingPathComponent(name)))
    }

    /// What stands in `Fixtures/DIRECTORY`, by name.
    package static func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(directory).path).sorted()
    }

    /// The text of `Fixtures/NAME` as it is.
    ///
    /// - Throws: when the file cannot be read.
    package static func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: root.appendingPathComponent(name)), as: UTF8.self)
    }

    /// Tests/TestSupport/Fixture.swift stands two directories below the root of the package.
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures")
}
