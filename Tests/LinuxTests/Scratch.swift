import Bytes
import Glibc
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

    /// Makes a symbolic link.
    static func link(_ path: String, to target: String) throws {
        guard unsafe symlink(target, path) == 0 else { throw LinuxError("symlink", errno) }
    }
}
