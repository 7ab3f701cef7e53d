import Bytes
import Files
import Keys
import Linux
import Replica
import Server

/// Where a command gets a store's keys that works on backups and directories, not on a cluster that runs:
///
/// - `--keys FILE`: an escrow (an age file; opened by `--identity FILE` or `--passphrase-file FILE`), or a replica's key file
///   (opened by `--root-key FILE`);
/// - `--store DIR`: a store on this machine, by its root key;
/// - else the store in whose directory the context lies, if it has its root key.
enum KeySource {
    static let options: [Option] = [
        Option("keys", .text, "FILE", "the keys: an escrow (age), or a replica's data/keys"),
        Option("identity", .text, "FILE", "opens an escrow that was sealed to a public key"),
        Option("passphrase-file", .text, "FILE", "opens an escrow that was sealed to a passphrase: its first line"),
        Option("root-key", .text, "FILE", "opens a replica's key file"),
        Option("store", .text, "DIR", "take the keys of this store (default: the one the context lies in)"),
    ]

    /// The keys; nil when nothing says where they are.
    static func find(_ arguments: Arguments) throws(Failure) -> KeyRing? {
        if let path = arguments.text("keys") { return try read(path, arguments) }
        if let store = arguments.text("store") { return try keys(of: StoreLayout(store)) }
        guard let context = arguments.text("context") ?? ThisProcess.environment("CHARTLOG_CONTEXT") else { return nil }
        let layout = StoreLayout(directory(of: context))
        guard SmallFile.exists(layout.rootKey), !layout.replicas.isEmpty else { return nil }
        return try keys(of: layout)
    }

    /// The keys; a failure that says how to give them when nothing says where they are.
    ///
    /// - Parameter source: A store on this machine that the command is about: its own keys, unless others are named.
    static func need(_ arguments: Arguments, orOf source: String? = nil) throws(Failure) -> KeyRing {
        if let source, arguments.text("keys") == nil, arguments.text("store") == nil {
            return try keys(of: StoreLayout(source))
        }
        if let keys = try find(arguments) { return keys }
        throw Failure(
            .usage, "the keys are needed: no backup has them",
            "give --keys ESCROW with --identity or --passphrase-file, or --store DIR of a store that has its root key")
    }

    private static func read(_ path: String, _ arguments: Arguments) throws(Failure) -> KeyRing {
        let bytes = try small(path, "the keys")
        guard AgeFile.isAge(bytes) else {
            guard let root = arguments.text("root-key") else {
                throw Failure(.usage, "a replica's key file is opened by its root key", "give --root-key FILE")
            }
            return try keyFile(path, bytes, root)
        }
        let identities: [AgeIdentity]
        do {
            switch (arguments.text("identity"), arguments.text("passphrase-file")) {
            case (let file?, nil): identities = try AgeIdentity.parse(try SmallFile.readSecret(file))
            case (nil, let file?): identities = [.passphrase(try PassphraseFile.read(file))]
            default:
                throw Failure(
                    .usage, "an escrow is opened by one of --identity FILE and --passphrase-file FILE",
                    "what opens it was chosen when it was sealed")
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "what opens the escrow cannot be read", "see its file: mode 0600, age's form")
        }
        do throws(KeyError) {
            let bundle = try EscrowBundle.open(bytes, with: identities)
            return KeyRing(clusterID: bundle.clusterID, held: bundle.held)
        } catch {
            throw Failure(
                .failed, error == .malformed ? "the escrow is damaged" : "this does not open the escrow",
                "it was sealed to another passphrase or public key")
        }
    }

    private static func keyFile(_ path: String, _ bytes: [UInt8], _ rootPath: String) throws(Failure) -> KeyRing {
        // The first slot that was written says whose it is.
        let slots = stride(from: 0, to: max(0, bytes.count - 511), by: 512)
        guard let slot = slots.first(where: { bytes[$0..<($0 + 4)].elementsEqual("CLKS".utf8) }) else {
            throw Failure(
                .failed, "\(Screen.safe(path)) holds no keys", "an escrow is an age file; a key file is data/keys")
        }
        return try open(
            directory(of: path), name(of: path), root: try root(.file(rootPath)),
            clusterID: Array(bytes[(slot + 24)..<(slot + 40)]))
    }

    private static func keys(of layout: StoreLayout) throws(Failure) -> KeyRing {
        for id in layout.replicas {
            guard SmallFile.exists("\(layout.data(id))/\(ReplicaPaths.keys)") else { continue }
            let configuration: Configuration
            do throws(ServerError) { configuration = try Configuration.read(layout.configuration(id)) } catch {
                throw Failure(.failed, error.sentence)
            }
            return try open(
                layout.data(id), ReplicaPaths.keys, root: try root(configuration.rootKey),
                clusterID: configuration.replica.clusterID)
        }
        throw Failure(.failed, "there are no keys in \(Screen.safe(layout.directory))", "give --keys FILE")
    }

    private static func root(_ source: Configuration.RootKeySource) throws(Failure) -> SecretKey {
        do throws(ServerError) { return try RootKeyReader.read(source) } catch {
            throw Failure(.failed, error.sentence)
        }
    }

    /// Looks and touches nothing: the file may be a running replica's.
    private static func open(
        _ directory: String, _ name: String, root: SecretKey, clusterID: [UInt8]
    ) throws(Failure) -> KeyRing {
        do {
            let files = try ReadOnlyFiles(root: directory)
            return KeyRing(try KeyFile.open(files, path: name, root: root, clusterID: clusterID), clusterID: clusterID)
        } catch {
            let isWrong = error as? KeyError == .wrongKey
            throw Failure(.failed, isWrong ? "the root key is another one" : "the key file cannot be read")
        }
    }

    static func small(_ path: String, _ what: String) throws(Failure) -> [UInt8] {
        do throws(LinuxError) { return try SmallFile.read(path) } catch {
            throw Failure(.failed, "\(what) cannot be read: \(Screen.safe(path))")
        }
    }

    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    private static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}
