private import Files
private import Linux

/// Where a drill's scratch store goes: made anew each time, and known by its mark, so that nothing else is ever removed.
///
/// The mark stands in `DIR.partial` before anything is restored there, and goes along when that gets its name: what a drill
/// leaves is its own, wherever it was killed.
package struct DrillPlace {
    /// The name of the mark (`BranchMaker.Plan.mark`).
    package static let mark = "drill"

    private let layout: StoreLayout

    package init(_ layout: StoreLayout) { self.layout = layout }

    /// Removes what an earlier drill has left. Links in it are removed; where they lead is not touched.
    ///
    /// - Throws: when what is there is no drill's, or in use: nothing was changed then; and when it cannot be removed.
    package func wipe() throws(ServerError) {
        let unfinished = layout.directory + ".partial"
        var left: [String] = []
        for path in [layout.directory, unfinished] where Trees.isThere(path) {
            // A drill that was killed before its mark was there; the next one begins with that.
            if path == unfinished, Trees.isDirectory(path), try isBare(path) { continue }
            guard Trees.isDirectory(path), SmallFile.exists("\(path)/\(Self.mark)") else {
                throw ServerError(
                    "DIR or DIR.partial is no scratch store of a drill, nothing was changed: name one that does not exist."
                )
            }
            left.append(path)
        }
        for path in left {
            let store = StoreLayout(path)
            guard !SmallFile.isLocked(store.startLock), !store.replicas.contains(where: store.isServed) else {
                throw ServerError("The scratch store is running: stop it first.")
            }
            guard !SmallFile.isLocked("\(path)/\(BranchMaker.lock)") else { throw Self.busy }
        }
        for path in left { try remove(path) }
    }

    private static var busy: ServerError { ServerError("Another drill into this directory is under way.") }

    /// Under the lock, so that nobody begins to restore there meanwhile.
    private func remove(_ path: String) throws(ServerError) {
        do throws(LinuxError) {
            let held = try SmallFile.lock("\(path)/\(BranchMaker.lock)")
            try Trees.remove(path)
            _ = consume held
        } catch {
            if error.isLocked { throw Self.busy }
            throw ServerError("The scratch store cannot be wiped: see who owns it.")
        }
    }

    /// Whether a directory holds nothing, or nothing but a lock that nobody has.
    private func isBare(_ path: String) throws(ServerError) -> Bool {
        let names: [String]
        do throws(FileError) { names = try LinuxFiles(root: path).list("") } catch {
            throw ServerError("The scratch store cannot be read: see who owns it.")
        }
        return names.isEmpty || names == [BranchMaker.lock] && !SmallFile.isLocked("\(path)/\(BranchMaker.lock)")
    }
}
