package import Linux

/// A bounded queue from many threads to one, which is woken by a bell.
///
/// Posting never blocks: a full box answers false, and what that means is the poster's affair. What is promised to
/// arrive (facts, answers) is posted with `mustPost`, which ignores the bound; its number is bounded elsewhere, by
/// the requests in flight.
package final class Mailbox<Item: Sendable>: Sendable {
    private let waiting: Guarded<[Item]>
    package let limit: Int
    /// Rung when the box is no longer empty; may be shared between boxes of one reader.
    package let bell: Bell

    package init(limit: Int, bell: Bell) {
        precondition(limit > 0)
        self.limit = limit
        self.bell = bell
        self.waiting = Guarded([])
    }

    /// Adds an item; false when the box is full.
    package func post(_ item: Item) -> Bool {
        let before = waiting.withLock { items -> Int in
            let count = items.count
            if count < limit { items.append(item) }
            return count
        }
        if before == 0 { bell.ring() }
        return before < limit
    }

    /// Adds items whatever their number.
    package func mustPost(_ added: [Item]) {
        guard !added.isEmpty else { return }
        let wasEmpty = waiting.withLock { items -> Bool in
            let wasEmpty = items.isEmpty
            items.append(contentsOf: added)
            return wasEmpty
        }
        if wasEmpty { bell.ring() }
    }

    package func mustPost(_ item: Item) {
        let wasEmpty = waiting.withLock { items -> Bool in
            let wasEmpty = items.isEmpty
            items.append(item)
            return wasEmpty
        }
        if wasEmpty { bell.ring() }
    }

    /// Everything that waits, in the order of posting, in exchange for `emptied`, whose room is used again.
    package func takeAll(into emptied: inout [Item]) {
        emptied.removeAll(keepingCapacity: true)
        waiting.withLock { items in swap(&items, &emptied) }
    }

    package var count: Int { waiting.withLock { $0.count } }
}
