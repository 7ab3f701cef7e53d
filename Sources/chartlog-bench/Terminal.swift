import Linux

/// What goes to standard error, so that standard output holds results alone.
enum Terminal {
    static func complain(_ text: String) { Output.complaint("chartlog-bench: \(text)") }
}
