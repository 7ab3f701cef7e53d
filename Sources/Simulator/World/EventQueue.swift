/// What is to happen, by time and, at one time, in the order it was asked for: a binary heap.
struct EventQueue<Event> {
    private struct Key {
        var time: UInt64
        var sequence: UInt64
        var slot: Int

        static func < (a: Key, b: Key) -> Bool { a.time < b.time || (a.time == b.time && a.sequence < b.sequence) }
    }

    private var keys: [Key] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var sequence: UInt64 = 0

    var isEmpty: Bool { keys.isEmpty }
    var count: Int { keys.count }

    mutating func add(_ event: Event, at time: UInt64) {
        let slot: Int
        if let spare = free.popLast() {
            slot = spare
            events[slot] = event
        } else {
            slot = events.count
            events.append(event)
        }
        sequence += 1
        keys.append(Key(time: time, sequence: sequence, slot: slot))
        rise(keys.count - 1)
    }

    /// The next event and when it happens; nil when nothing will.
    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = keys.first, let last = keys.popLast() else { return nil }
        if !keys.isEmpty {
            keys[0] = last
            sink()
        }
        let event = events[first.slot].take()
        free.append(first.slot)
        return event.map { (first.time, $0) }
    }

    private mutating func rise(_ start: Int) {
        var at = start
        let key = keys[at]
        while at > 0 {
            let above = (at - 1) / 2
            guard key < keys[above] else { break }
            keys[at] = keys[above]
            at = above
        }
        keys[at] = key
    }

    private mutating func sink() {
        var at = 0
        let key = keys[0]
        while true {
            var below = 2 * at + 1
            guard below < keys.count else { break }
            if below + 1 < keys.count, keys[below + 1] < keys[below] { below += 1 }
            guard keys[below] < key else { break }
            keys[at] = keys[below]
            at = below
        }
        keys[at] = key
    }
}
