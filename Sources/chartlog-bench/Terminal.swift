import Glibc

/// What goes to standard error, so that standard output holds results alone.
enum Terminal {
    static func complain(_ text: String) {
        let line = Array("chartlog-bench: \(text)\n".utf8)
        unsafe _ = write(2, line, line.count)
    }
}
