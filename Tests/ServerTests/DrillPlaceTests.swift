import Glibc
import Linux
import Server
import Testing

/// What a drill wipes is a drill's, and nothing else.
@Suite struct DrillPlaceTests {
    private let top: String
    private let scratch: StoreLayout
    private var unfinished: String { scratch.directory + ".partial" }

    init() throws {
        let base = ThisProcess.environment("TMPDIR") ?? "/tmp"
        var generator = SystemRandomNumberGenerator()
        top = "\(base)/chartlog-drill-\(ThisProcess.id)-\(generator.next())"
        scratch = StoreLayout("\(top)/scratch")
        try SmallFile.makeDirectory(top)
    }

    private func maker() throws -> BranchMaker {
        var plan = BranchMaker.Plan(StoreMaker.Plan(directory: scratch.directory, replicas: 1))
        plan.mark = DrillPlace.mark
        return try BranchMaker(plan)
    }

    private func refuses(_ path: String, _ names: [String]) throws {
        #expect(throws: ServerError.self) { try DrillPlace(scratch).wipe() }
        for name in names { #expect(SmallFile.exists("\(path)/\(name)"), "\(name) is untouched") }
    }

    @Test func `what bears no mark is refused and untouched, with a lock and without`() throws {
        defer { try? Trees.remove(top) }
        for path in [scratch.directory, unfinished] {
            try SmallFile.makeDirectory(path)
            try SmallFile.create("\(path)/letter", [1])
            try refuses(path, ["letter"])
            let lock = try SmallFile.lock("\(path)/lock")
            try refuses(path, ["letter", "lock"])
            try SmallFile.create("\(path)/drill", [])
            try refuses(path, ["letter", "lock", "drill"])
            _ = consume lock
            try Trees.remove(path)
        }
        // One that is a drill's does not go either where the other is not.
        for path in [scratch.directory, unfinished] { try SmallFile.makeDirectory(path) }
        try SmallFile.create("\(scratch.directory)/drill", [])
        try SmallFile.create("\(unfinished)/letter", [1])
        try refuses(scratch.directory, ["drill"])
        try Trees.remove(unfinished)
        try DrillPlace(scratch).wipe()
        #expect(!Trees.isThere(scratch.directory))
    }

    @Test func `links are unlinked, and a scratch directory that is one is refused`() throws {
        defer { try? Trees.remove(top) }
        let outside = "\(top)/outside"
        for path in [outside, scratch.directory] { try SmallFile.makeDirectory(path) }
        for path in ["\(outside)/drill", "\(outside)/letter", "\(scratch.directory)/drill"] {
            try SmallFile.create(path, [1])
        }
        try #require(unsafe symlink(outside, "\(scratch.directory)/link") == 0)
        try DrillPlace(scratch).wipe()
        #expect(!Trees.isThere(scratch.directory) && SmallFile.exists("\(outside)/letter"))
        try #require(unsafe symlink(outside, scratch.directory) == 0)
        try refuses(outside, ["drill", "letter"])
        #expect(Trees.isThere(scratch.directory))
    }

    @Test func `what a killed drill leaves is known by its mark, whenever that was`() throws {
        defer { try? Trees.remove(top) }
        // Before its mark was there.
        try SmallFile.makeDirectory(unfinished)
        try DrillPlace(scratch).wipe()
        try SmallFile.create("\(unfinished)/lock", [])
        try DrillPlace(scratch).wipe()
        // At work: nobody else begins.
        var working: BranchMaker? = try maker()
        try working?.begin()
        #expect(SmallFile.exists("\(unfinished)/drill") && SmallFile.exists("\(unfinished)/replica-1/data"))
        try refuses(unfinished, ["drill"])
        #expect(throws: ServerError.self) { try maker().begin() }
        // And killed.
        working = nil
        try DrillPlace(scratch).wipe()
        #expect(!Trees.isThere(unfinished))
    }

    @Test func `nothing is restored into what somebody else has begun meanwhile`() throws {
        defer { try? Trees.remove(top) }
        try SmallFile.makeDirectory(unfinished)
        try SmallFile.create("\(unfinished)/letter", [1])
        let maker = try maker()
        #expect(throws: ServerError.self) { try maker.begin() }
        #expect(!SmallFile.exists("\(unfinished)/drill") && !SmallFile.exists("\(unfinished)/replica-1"))
        #expect(SmallFile.exists("\(unfinished)/letter"))
    }
}
