/// What agreement may ask of the log that its host keeps: the log as it stands, with every order carried out.
package protocol LogView {
    /// The term of an entry; nil where there is none, or where it cannot be read.
    func term(at index: UInt64) -> UInt64?
    /// How many bytes an entry takes on the way to another replica; 0 where there is none.
    func bytes(at index: UInt64) -> Int
}

/// The name of an entry: two logs that hold the same one are equal up to it.
package struct EntryID: Equatable, Sendable {
    package var index: UInt64
    package var term: UInt64

    package init(index: UInt64, term: UInt64) {
        self.index = index
        self.term = term
    }

    /// Whether a log that ends here has all that a log with the other end is sure to have (thesis 3.6.1).
    package func isUpToDate(with other: EntryID) -> Bool {
        term != other.term ? term > other.term : index >= other.index
    }
}
