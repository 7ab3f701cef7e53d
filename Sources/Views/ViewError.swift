package import Files
package import Keys

/// Why a snapshot or a run of identities could not be written or read. The log alone rebuilds all of it.
package enum ViewError: Error, Equatable, Sendable {
    case file(FileError)
    case key(KeyError)
    /// A file of this room does not hold what it should: cut, altered, of another store or under another key. The name
    /// is the file's own, the page counts from 0.
    case damaged(file: String, page: Int)
    /// Written by a later version of Chartlog.
    case unknownVersion(file: String)
}

/// Turns the errors of files and keys into this room's.
func asViews<Value>(_ work: () throws(FileError) -> Value) throws(ViewError) -> Value {
    do { return try work() } catch { throw .file(error) }
}
