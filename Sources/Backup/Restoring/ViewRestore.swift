package import Files
internal import Bytes

extension BackupReader {
    /// Writes the snapshot of the views that the backup holds, file by file under the names they had, for a start that need
    /// not fold the whole log. What is there under these names is replaced.
    ///
    /// - Parameter directory: Within the store; made when needed.
    /// - Throws: `.damaged` when a file is not as it was backed up; `.file`. What was written by then is of no use.
    package func restoreViews(into store: some FileStore, directory: String) throws(BackupError) {
        for object in manifest.views {
            guard let name = BackupLayout.viewFile(object.name) else { continue }
            let bytes = try read(object)
            let path = directory + "/" + name
            do throws(FileError) {
                try store.makeDirectory(directory)
                if try store.exists(path) { try store.remove(path) }
                let file = try store.open(path, .create)
                defer { store.close(file) }
                try store.write(file, at: 0, bytes)
            } catch {
                throw .file(error, object: path)
            }
        }
    }
}
