package import Bytes
internal import Records

/// Builds a book from the pieces of an encoder, in their order.
///
/// The pieces come proven (the pages are sealed); what they say is checked for form, order and count, and at the end
/// the digests are computed anew from the rows and must be those written.
package struct BookDecoder {
    private var book = Book()
    private var section = BookSection.head
    private var rowCounts: [Int] = []
    private var sums: [Digest] = []
    private var lastFirst: UInt32 = 0
    private var appointmentsSeen: Int64 = 0
    private var isAtStart = true
    private var format: UInt8 = 0
    private var sections: [BookSection] = []
    /// Of each rewind, how many streams are still to come.
    private var streamsDue: [Int] = []
    private var rewindAt = 0
    private let beside: any Beside
    /// What follows from the rows, once they are all there: made while the lists are read. Nil: they are no book's.
    private var following: (() -> Book?)?

    /// - Parameter beside: Does a part of it while pieces are taken.
    package init(beside: any Beside = InTurn()) { self.beside = beside }

    package mutating func take(_ piece: [UInt8]) throws(ByteError) {
        var reader = ByteReader(piece)
        guard let section = BookSection(rawValue: try reader.u8()) else { throw .malformed }
        if isAtStart {
            guard section == .head else { throw .malformed }
            try takeHead(&reader)
            isAtStart = false
            return
        }
        if section != self.section {
            guard section.rawValue == self.section.rawValue + 1, sections.contains(section), isFilled(self.section)
            else { throw .malformed }
            self.section = section
            if section == .itemsOfSubject {
                let rows = book
                following = beside.begin { rows.completed }
            }
        }
        switch section {
        case .head: throw .malformed
        case .subjects: while !reader.isAtEnd { book.subjects.take(try reader.u64()) }
        case .actors: while !reader.isAtEnd { book.actors.take(try reader.u64()) }
        case .overflow: while !reader.isAtEnd { book.overflow.take(try reader.u32()) }
        case .streams: while !reader.isAtEnd { try takeStream(&reader) }
        case .appointments: while !reader.isAtEnd { try takeAppointment(&reader) }
        case .previous: while !reader.isAtEnd { try takePrevious(&reader) }
        case .order: while !reader.isAtEnd { try takeOrder(&reader) }
        case .stale: while !reader.isAtEnd { try takeStale(&reader) }
        case .itemsOfSubject: while !reader.isAtEnd { try book.itemsOfSubject.take(runFrom: &reader) }
        case .itemsOfActor: while !reader.isAtEnd { try book.itemsOfActor.take(runFrom: &reader) }
        case .streamsOfSubject: while !reader.isAtEnd { try book.streamsOfSubject.take(runFrom: &reader) }
        case .streamsOfCategory: while !reader.isAtEnd { try book.streamsOfCategory.take(runFrom: &reader) }
        case .bookings: while !reader.isAtEnd { try book.bookings.take(runFrom: &reader) }
        case .patientsOfTerm: while !reader.isAtEnd { try book.patientsOfTerm.take(runFrom: &reader) }
        case .rewinds: while !reader.isAtEnd { try takeRewind(&reader) }
        case .rewoundStreams: while !reader.isAtEnd { try takeRewoundStream(&reader) }
        }
    }

    /// The book, once every section is there.
    package consuming func finish() throws(ByteError) -> Book {
        guard !isAtStart, section == sections.last, isFilled(section), book.indexLists(),
            book.order.count == Int(book.position + book.record), book.order.recordCount == book.record,
            let rows = following?()
        else { throw .malformed }
        book.takeOver(rows)
        guard [book.patientHash.sum, book.appointmentHash.sum, book.auditHash.sum] == sums else { throw .malformed }
        return book
    }

    private func isFilled(_ section: BookSection) -> Bool {
        if section == .head { return true }
        let expected = rowCounts[Int(section.rawValue) - 2]
        return switch section {
        case .head: true
        case .subjects: book.subjects.words.count == expected
        case .actors: book.actors.words.count == expected
        case .overflow: book.overflow.words.count == expected
        case .streams: book.streams.count == expected
        case .appointments: book.appointments.count == expected
        case .previous: book.previous.count == expected && UInt64(expected) == book.position
        case .order: book.order.words.count == expected
        case .stale: book.stale.count == expected
        case .rewinds: book.rewinds.count == expected
        case .rewoundStreams: streamsDue.allSatisfy { $0 == 0 }
        default: book[postings: section].listCount == expected
        }
    }

    private mutating func takeHead(_ reader: inout ByteReader) throws(ByteError) {
        format = try reader.u8()
        guard BookFormat.versions.contains(format) else { throw .malformed }
        sections = BookSection.all(in: format)
        book.position = try reader.u64()
        book.record = try reader.u64()
        guard book.position < Book.capacity, book.record < Book.capacity else { throw .malformed }
        book.lastStamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
        for _ in 0..<3 { sums.append(try reader.digest()) }
        book.auditHash = SetHash(sum: sums[2])
        for _ in 0..<(try reader.count(atMost: Int(UInt16.max))) { book.tenants.append(try reader.u32()) }
        for _ in sections { rowCounts.append(try reader.count(atMost: Int(UInt32.max))) }
        guard reader.isAtEnd else { throw .malformed }
    }

    private func reference(_ reader: inout ByteReader, to table: WordTable) throws(ByteError) -> ListReference {
        let code = try reader.count(atMost: Int(UInt32.max) * 2)
        if code == 0 { return .none }
        guard code >= 2 else { throw .malformed }
        let number = code >> 1 - 1
        if code & 1 == 0 {
            guard number < table.words.count else { throw .malformed }
            return ListReference(raw: UInt32(number))
        }
        guard number < book.overflow.words.count else { throw .malformed }
        let count = Int(book.overflow.words[number])
        guard count >= 2, number + count < book.overflow.words.count else { throw .malformed }
        for at in (number + 1)...(number + count) where Int(book.overflow.words[at]) >= table.words.count {
            throw .malformed
        }
        return ListReference(raw: UInt32(number) | ListReference.severalBit)
    }

    private mutating func takeStream(_ reader: inout ByteReader) throws(ByteError) {
        let tag = try reader.u64()
        let token = try reader.token()
        let content = try reader.u64()
        let first = UInt64(lastFirst) + (try reader.varint() & 0xffff_ffff)
        let last = first + (try reader.varint() & 0xffff_ffff)
        let version = try reader.count(atMost: Int(UInt32.max))
        let tenant = try reader.count(atMost: book.tenants.count - 1)
        let bits = try reader.u8()
        guard last <= book.position, first >= 1, let category = Category(rawValue: bits & 7),
            let state = StreamState(rawValue: bits >> 3 & 3), bits & 0x80 == 0 || format > 2
        else { throw .malformed }
        var cell = StreamCell(
            tag: tag, token: token, first: UInt32(first), tenant: UInt16(tenant), category: category)
        cell.content = content
        cell.last = UInt32(last)
        cell.version = UInt32(version)
        cell.state = state
        cell.isStale = bits & 0x20 != 0
        cell.isSteady = bits & 0x80 != 0
        cell.subjects = try reference(&reader, to: book.subjects)
        if bits & 0x40 != 0 {
            appointmentsSeen &+= BookFormat.unzigzag(try reader.varint()) &+ 1
            guard appointmentsSeen >= 1, appointmentsSeen <= Int64(rowCounts[4]) else { throw .malformed }
            cell.appointment = UInt32(appointmentsSeen)
        }
        lastFirst = UInt32(first)
        book.streams.append(cell)
    }

    private mutating func takeAppointment(_ reader: inout ByteReader) throws(ByteError) {
        guard let status = AppointmentStatus(rawValue: try reader.u8()) else { throw .malformed }
        let flags = try reader.u8()
        guard flags & 0x70 == 0 else { throw .malformed }
        var start: Int64
        var end: Int64
        if flags & 0x80 != 0 {
            start = Int64(bitPattern: try reader.u64())
            end = Int64(bitPattern: try reader.u64())
        } else {
            start = BookFormat.microseconds(try reader.varint())
            end = start &+ BookFormat.microseconds(try reader.varint())
        }
        var cell = AppointmentCell(status: status)
        if flags & 1 != 0 { cell.start = Instant(microseconds: start) }
        if flags & 2 != 0 { cell.end = Instant(microseconds: end) }
        cell.hasCancelationReason = flags & 4 != 0
        cell.allowsOverlap = flags & 8 != 0
        cell.practitioners = try reference(&reader, to: book.actors)
        cell.locations = try reference(&reader, to: book.actors)
        book.appointments.append(cell)
    }

    private mutating func takePrevious(_ reader: inout ByteReader) throws(ByteError) {
        let position = book.previous.count + 1
        let step = try reader.count(atMost: position)
        guard step < position || step == 0 else { throw .malformed }
        book.previous.append(step == 0 ? 0 : UInt32(position - step))
    }

    private mutating func takeOrder(_ reader: inout ByteReader) throws(ByteError) {
        let word = try reader.u64()
        let left = Int(book.position + book.record) - book.order.count
        guard left > 0 else { throw .malformed }
        book.order.append(word: word, bits: min(64, left))
    }

    private mutating func takeRewind(_ reader: inout ByteReader) throws(ByteError) {
        let position = try reader.u32()
        let target = try reader.u32()
        let count = try reader.count(atMost: book.streams.count)
        guard UInt64(position) <= book.position, target >= 1, target < position,
            position > book.rewinds.last?.position ?? 0, book.previous[Int(position) - 1] == 0
        else { throw .malformed }
        book.rewinds.append(RewindRow(position: position, target: target))
        streamsDue.append(count)
    }

    private mutating func takeRewoundStream(_ reader: inout ByteReader) throws(ByteError) {
        let ordinal = UInt32(try reader.count(atMost: book.streams.count - 1))
        let before = try reader.u32()
        while rewindAt < streamsDue.count, streamsDue[rewindAt] == 0 { rewindAt += 1 }
        guard rewindAt < streamsDue.count, before >= 1, before < book.rewinds[rewindAt].position,
            book.rewinds[rewindAt].streams.last.map({ $0.ordinal < ordinal }) ?? true
        else { throw .malformed }
        book.rewinds[rewindAt].streams.append((ordinal, before))
        streamsDue[rewindAt] -= 1
    }

    private mutating func takeStale(_ reader: inout ByteReader) throws(ByteError) {
        let entry = try reader.u64()
        guard entry >> 32 < UInt64(book.streams.count), entry & 0xffff_ffff <= book.position else { throw .malformed }
        book.stale.append(entry)
    }
}

// What a snapshot leaves out because the rows tell it: hash indexes, counts by status, digests.
extension Book {
    /// The same rows with what follows from them; nil when two have one name.
    fileprivate var completed: Book? {
        var made = self
        made.statusCounts = Array(repeating: 0, count: tenants.count * 16)
        let areTagsNew = made.byTag.fill(
            streams.count, hash: { Mix.word(streams[$0].tag) }, same: { streams[Int($0)].tag == streams[Int($1)].tag })
        let areTokensNew = made.byToken.fill(
            streams.count, hash: { Self.hash(streams[$0].token) },
            same: {
                let (a, b) = (streams[Int($0)], streams[Int($1)])
                return a.token == b.token && a.tenant == b.tenant
            })
        guard areTagsNew, areTokensNew, made.subjects.indexWords(), made.actors.indexWords() else { return nil }
        for ordinal in 0..<streams.count {
            let cell = streams[ordinal]
            if cell.appointment != 0, cell.state != .absent {
                let status = appointments[Int(cell.appointment) - 1].status
                made.statusCounts[Int(cell.tenant) * 16 + Int(status.rawValue)] += 1
            }
            made.changeHash(of: cell, by: 1)
        }
        return made
    }

    fileprivate mutating func takeOver(_ rows: Book) {
        byTag = rows.byTag
        byToken = rows.byToken
        subjects = rows.subjects
        actors = rows.actors
        statusCounts = rows.statusCounts
        patientHash = rows.patientHash
        appointmentHash = rows.appointmentHash
    }

    /// Whether no list's key came twice.
    fileprivate mutating func indexLists() -> Bool {
        itemsOfSubject.indexLists() && itemsOfActor.indexLists() && streamsOfSubject.indexLists()
            && streamsOfCategory.indexLists() && bookings.indexLists() && patientsOfTerm.indexLists()
    }
}
