/// Where backups are kept: objects by name, each written once and whole.
///
/// Names are those of `BackupLayout`: at most one directory, `/`, a name. An implementation needs no rename and no
/// append from what lies below, so that an object store can be one. A destination is used by one thread, and by one
/// run, copy or expiry at a time: whoever starts them keeps them apart. Where that cannot be (replicas of several machines
/// at a mounted directory without locks) nothing is written over, and a run says that its backup was made only once all
/// its objects are there at the end.
package protocol BackupDestination: AnyObject {
    /// The objects in a directory, sorted by name; nothing when there is no such directory. What an interrupted `put`
    /// left is not among them.
    func list(_ directory: String) throws(BackupError) -> [BackupObject]
    /// Bytes of an object; nil when there is none of that name.
    func size(_ name: String) throws(BackupError) -> Int?
    /// All bytes of an object, as the medium holds them; of one that is longer than `limit` the first `limit` + 1, so that
    /// nobody who can write there decides how much memory its reader takes.
    ///
    /// - Throws: `.missing`, `.file`.
    func read(_ name: String, atMost limit: Int) throws(BackupError) -> [UInt8]
    /// Bytes from the start of `range` on, as many as there are up to its end.
    ///
    /// - Throws: `.missing`, `.file`.
    func read(_ name: String, in range: Range<Int>) throws(BackupError) -> [UInt8]
    /// As the other, as soon as they come: the medium is not asked for what was read from it lately. For who proves what is
    /// read.
    func readSoon(_ name: String, in range: Range<Int>) throws(BackupError) -> [UInt8]
    /// Makes an object that lasts: on return it is there whole and durable; after an error or a crash it is there whole
    /// or not at all. The same bytes under the same name are fine.
    ///
    /// - Throws: `.occupied` when other bytes have the name, which stay as they are; `.file`.
    func put(_ name: String, _ bytes: [UInt8]) throws(BackupError)
    /// Removes an object, durably; nothing when there is none.
    func remove(_ name: String) throws(BackupError)
    /// Removes what interrupted calls of `put` left.
    func tidy() throws(BackupError)
}

/// What is there, to be looked up by name.
struct Listing {
    private let objects: [BackupObject]

    init(_ objects: [BackupObject]) { self.objects = objects.sorted { $0.name < $1.name } }

    /// - Throws: when one of the directories cannot be listed.
    init(_ directories: [String], of destination: some BackupDestination) throws(BackupError) {
        var found: [BackupObject] = []
        for directory in directories { found += try destination.list(directory) }
        self.init(found)
    }

    var all: [BackupObject] { objects }

    /// Whether the object is there with its length.
    func holds(_ object: ManifestObject) -> Bool { bytes(of: object.name) == object.bytes }

    /// nil when there is none of that name.
    func bytes(of name: String) -> Int? {
        var low = 0
        var high = objects.count
        while low < high {
            let middle = (low + high) / 2
            if objects[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < objects.count && objects[low].name == name ? objects[low].bytes : nil
    }
}

/// An object as a destination lists it.
package struct BackupObject: Equatable, Sendable {
    package var name: String
    package var bytes: Int

    package init(name: String, bytes: Int) {
        self.name = name
        self.bytes = bytes
    }
}
