import Glibc
import Linux

/// What the program says and reads, and its ways out.
enum Terminal {
    static func say(_ text: String) { Output.line(text) }

    static func usage(_ why: String) -> Never {
        Output.complaint(why)
        exit(2)
    }

    static func fail(_ why: String) -> Never {
        say(why)
        exit(1)
    }

    /// A small text file; nil when it cannot be read.
    static func read(_ path: String) -> String? {
        guard let bytes = try? SmallFile.read(path) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
