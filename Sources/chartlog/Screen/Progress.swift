import Linux

/// How far a long command has come, on standard error: a bar that is redrawn on a terminal, a line a second elsewhere
/// when it was asked for.
struct Progress {
    private let label: String
    private let unit: String
    /// nil while nobody knows.
    private let total: Int?
    private let isShown: Bool
    private let began = LinuxClock.monotonicMilliseconds()
    private var nextDraw: UInt64 = 0
    private var isDrawn = false

    init(_ label: String, unit: String, total: Int?, wanted: Bool) {
        self.label = label
        self.unit = unit
        self.total = total
        isShown = wanted || Screen.isComplaintTerminal
    }

    mutating func reached(_ done: Int) {
        let now = LinuxClock.monotonicMilliseconds()
        guard isShown, now >= nextDraw else { return }
        nextDraw = now + (Screen.isComplaintTerminal ? 100 : 1000)
        draw(done, now)
    }

    /// The last word; the bar stays.
    mutating func ended(_ done: Int) {
        guard isShown else { return }
        draw(done, LinuxClock.monotonicMilliseconds())
        if Screen.isComplaintTerminal { Output.write([0x0a], to: 2) }
    }

    private mutating func draw(_ done: Int, _ now: UInt64) {
        let seconds = Double(max(now - began, 1)) / 1000
        let speed = "\(Screen.grouped(Int(Double(done) / seconds)))/s"
        var text = "\(label) "
        if let total, total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(share * 24)
            text += String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
            text += " \(Int(share * 100)) %  \(Screen.grouped(done)) of \(Screen.grouped(total)) \(unit)  \(speed)"
            if share > 0, share < 1, seconds > 1 { text += "  \(Int(seconds / share - seconds) + 1) s left" }
        } else {
            text += "\(Screen.grouped(done)) \(unit)  \(speed)"
        }
        Output.write(Array((Screen.isComplaintTerminal ? "\r\u{1b}[K\(text)" : "\(text)\n").utf8), to: 2)
        isDrawn = true
    }
}
