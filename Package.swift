// swift-tools-version: 6.2
import PackageDescription

// The rooms of Chartlog and, for each, the rooms it may enter. A target's dependency list is its wall: a new
// arrow here is a design change, and ARCHITECTURE.md and Tests/TidyTests change in the same commit.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Known bugs of replicated logs, to be planted one by one in tests: see Tools/mutants. Never in a product.
let planted: [SwiftSetting] = Context.environment["CHARTLOG_MUTANTS"] == "1" ? [.define("CHARTLOG_MUTANTS")] : []

/// System libraries: a module map and a header of inline functions each, no compiled C.
let systemLibraries: [Target] = [
    .systemLibrary(name: "CChecksum"),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
]

/// Each room with the rooms it may enter. What is absent is forbidden.
let rooms: [(name: String, enters: [String])] = [
    ("Bytes", ["CChecksum"]),
    ("JSON", ["Bytes"]),
    ("Files", ["Bytes"]),
    ("Consensus", []),
    ("Records", ["Bytes", "JSON"]),
    ("Keys", ["Bytes", "Files", "COpenSSL"]),
    ("Compression", ["Bytes", "CLZ4"]),
    ("SegmentedLog", ["Bytes", "Files", "Keys"]),
    ("Views", ["Bytes", "Files", "Keys", "Records"]),
    ("Replica", ["Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "Compression", "SegmentedLog", "Views"]),
    ("Backup", ["Bytes", "Files", "Keys", "Records", "SegmentedLog", "Views", "Replica"]),
    ("API", ["Bytes", "JSON", "Records"]),
    ("Linux", ["Bytes", "Files", "CLinux"]),
    ("Transport", ["Bytes", "Linux", "COpenSSL"]),
    ("Client", ["Bytes", "JSON", "Linux", "Transport"]),
    (
        "Server",
        [
            "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "SegmentedLog", "Views", "Replica", "API",
            "Linux",
            "Transport", "Backup",
        ]
    ),
    ("Clinic", ["Bytes"]),
    (
        "Simulator",
        [
            "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "SegmentedLog", "Views", "Replica", "Clinic",
        ]
    ),
]

/// The programs, with the rooms each may enter.
let programs: [(name: String, enters: [String])] = [
    (
        "chartlog",
        [
            "Bytes", "JSON", "Files", "Records", "Keys", "SegmentedLog", "Views", "Replica", "Backup", "Linux",
            "Transport", "Client", "Server",
        ]
    ),
    (
        "chartlog-bench",
        [
            "Bytes", "JSON", "Files", "Records", "Keys", "Compression", "SegmentedLog", "Views", "Replica", "Linux",
            "Transport", "Client", "Clinic",
        ]
    ),
    ("chartlog-simulate", ["Linux", "Simulator"]),
]

/// The test targets, with the rooms each looks into.
let tests: [(name: String, enters: [String])] = [
    ("BytesTests", ["Bytes"]),
    ("JSONTests", ["Bytes", "JSON"]),
    ("FilesTests", ["Bytes", "Files"]),
    ("ConsensusTests", ["Bytes", "Consensus"]),
    ("RecordsTests", ["Bytes", "JSON", "Records"]),
    ("KeysTests", ["Bytes", "Files", "Keys"]),
    ("CompressionTests", ["Bytes", "Compression", "Clinic"]),
    ("SegmentedLogTests", ["Bytes", "Files", "Keys", "SegmentedLog"]),
    ("ViewsTests", ["Bytes", "Files", "Keys", "Records", "Views"]),
    (
        "ReplicaTests",
        [
            "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "Compression", "SegmentedLog", "Views", "Replica",
            "Clinic",
        ]
    ),
    (
        "BackupTests",
        ["Bytes", "Files", "Keys", "Records", "SegmentedLog", "Views", "Replica", "Backup"]
    ),
    ("APITests", ["Bytes", "JSON", "Records", "API"]),
    ("LinuxTests", ["Bytes", "Files", "Linux"]),
    ("TransportTests", ["Bytes", "Linux", "Transport"]),
    (
        "ServerTests",
        [
            "Bytes", "JSON", "Files", "Records", "Keys", "SegmentedLog", "Replica", "API", "Linux", "Transport",
            "Client",
            "Server",
        ]
    ),
    ("ClinicTests", ["Bytes", "JSON", "Records", "Clinic"]),
    ("SimulatorTests", ["Bytes", "Files", "Simulator"]),
    ("ClusterTests", ["Bytes", "JSON", "Linux", "Client", "Clinic"]),
    ("TidyTests", ["Bytes"]),
]

/// Fuzzers, each with the rooms whose doors it tries. They link only as libFuzzer's, so they are there on demand:
/// see Tools/fuzz.
let fuzzers: [(name: String, enters: [String])] =
    Context.environment["CHARTLOG_FUZZ"] == "1"
    ? [
        ("http", ["API"]), ("json", ["JSON"]), ("cloudevents", ["Records"]), ("frames", ["Keys", "SegmentedLog"]),
        ("peers", ["Replica"]),
    ] : []

/// Which of the tests there are: all, unless the environment names some. A release build of a few rooms' tests need not
/// build every other.
let chosenTests = Context.environment["CHARTLOG_TESTS"].map { $0.split(separator: ",").map(String.init) }

let package = Package(
    name: "chartlog",
    products: programs.map { .executable(name: $0.name, targets: [$0.name]) }
        + fuzzers.map { .executable(name: "fuzz-" + $0.name, targets: ["fuzz-" + $0.name]) },
    targets: systemLibraries
        + rooms.map { room in
            .target(
                name: room.name, dependencies: room.enters.map { .init(stringLiteral: $0) },
                swiftSettings: settings + planted)
        }
        + programs.map { program in
            .executableTarget(
                name: program.name, dependencies: program.enters.map { .init(stringLiteral: $0) },
                swiftSettings: settings)
        }
        + fuzzers.map { fuzzer in
            .executableTarget(
                name: "fuzz-" + fuzzer.name, dependencies: fuzzer.enters.map { .init(stringLiteral: $0) },
                path: "Tools/Fuzz/" + fuzzer.name,
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])])
        }
        + [
            .target(
                name: "TestSupport", dependencies: ["Bytes", "Files"], path: "Tests/TestSupport",
                swiftSettings: settings)
        ]
        + tests.filter { chosenTests?.contains($0.name) ?? true }.map { test in
            .testTarget(
                name: test.name, dependencies: (test.enters + ["TestSupport"]).map { .init(stringLiteral: $0) },
                swiftSettings: settings + planted)
        }
)
