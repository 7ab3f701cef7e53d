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

    /// A file of at most 4 GiB; nil when it cannot be read.
    static func bytes(_ path: String) -> [UInt8]? { try? SmallFile.read(path, atMost: 4 << 30) }
}
