import Bytes
import Linux

/// Directories of their own for tests.
enum Scratch {
    static func directory() throws -> String {
        let base = ThisProcess.environment("TMPDIR") ?? "/tmp"
        var generator = SystemRandomNumberGenerator()
        let path = "\(base)/chartlog-test-\(ThisProcess.id)-\(generator.next())"
        try SmallFile.makeDirectory(path)
        return path
    }
}
