/// A set of patients' key ids, all of them known to one book: a mark for each of the book's, which is soon made and soon
/// asked where the set is large.
package struct SubjectMarks: Sendable {
    private var marks: [Bool] = []
    /// How many are in it.
    package private(set) var count = 0

    package init() {}

    /// Adds the patients whose data a stream holds now.
    package mutating func insert(subjectsOf stream: StreamOrdinal, _ book: Book) {
        let reference = book.streams[Int(stream.raw)].subjects
        for index in 0..<book.overflow.count(of: reference) { mark(book.overflow.ordinal(index, of: reference), book) }
    }

    /// - Precondition: the key id stands in the book.
    package mutating func insert(_ keyID: UInt64, _ book: Book) {
        guard let ordinal = book.subjects.ordinal(of: keyID) else { preconditionFailure("a subject is known") }
        mark(ordinal, book)
    }

    /// The key ids, in the order in which the book first met them.
    package func keyIDs(_ book: Book) -> [UInt64] {
        marks.indices.filter { marks[$0] }.map { book.subjects.words[$0] }
    }

    private mutating func mark(_ ordinal: UInt32, _ book: Book) {
        // The book may have met new ones since.
        if marks.count <= Int(ordinal) {
            marks.append(contentsOf: repeatElement(false, count: book.subjects.words.count - marks.count))
        }
        if !marks[Int(ordinal)] {
            marks[Int(ordinal)] = true
            count += 1
        }
    }
}
