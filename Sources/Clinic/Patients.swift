import Bytes

/// A patient as the generator remembers one: numbers from which every text is written again.
struct Person: Sendable {
    var culture: Int
    var family: Int
    var given: Int
    /// A second given name, or -1.
    var second: Int
    var isWoman: Bool
    var birth: CivilDay
    /// 4, 7 or 10 characters of the birth date are known.
    var birthPrecision: Int
    /// Patients of one household share family name, telephone and address.
    var household: Int
    /// Changes with each amended contact, so that the new one differs.
    var contactSalt: UInt64
    var practitioner: Int
    /// The patient this one was registered twice for, or -1.
    var duplicateOf: Int
    var isMarried: Bool
    var maySeeDoctor = true
    var isRegistered = false
    var hasSecondIdentifier = false
}

/// All who will ever register, in the order of registration, from one seed.
struct Patients: Sendable {
    private(set) var people: [Person] = []
    /// Mixed into every id and number, so that two clinics share none.
    let salt: UInt64

    init(count: Int, practitioners: Int, startingYear: Int, dice: inout SeededDice) {
        salt = dice.next()
        people.reserveCapacity(count)
        var household = 0
        while people.count < count {
            addHousehold(household, upTo: count, practitioners: practitioners, startingYear: startingYear, dice: &dice)
            household += 1
        }
        spreadDuplicates(dice: &dice)
    }

    subscript(index: Int) -> Person {
        get { people[index] }
        set { people[index] = newValue }
    }

    var count: Int { people.count }

    private mutating func addHousehold(
        _ household: Int, upTo count: Int, practitioners: Int, startingYear: Int, dice: inout SeededDice
    ) {
        // Half of all come from the first four peoples, the rest from anywhere.
        let culture = dice.below(2) == 0 ? dice.below(4) : dice.below(Culture.all.count)
        let names = Culture.all[culture]
        let family = dice.below(names.families.count)
        let practitioner = dice.below(practitioners)
        let members = [1, 1, 1, 2, 2, 3, 4, 5][dice.below(8)]
        let elderAge = 19 + dice.below(80)
        for member in 0..<members where people.count < count {
            let isChild = member >= 2
            let age = isChild ? max(0, elderAge - 20 - dice.below(20)) : max(18, elderAge - dice.below(6))
            let isWoman = member < 2 ? (member == 0) == (dice.below(20) > 0) : dice.below(2) == 0
            let given = isWoman ? names.women : names.men
            let year = startingYear - min(age, 104)
            let month = 1 + dice.below(12)
            let day = 1 + dice.below(CivilDay.days(inMonth: month, of: year))
            let precision = dice.below(40)
            people.append(
                Person(
                    culture: culture, family: family, given: dice.below(given.count),
                    second: dice.below(3) == 0 ? dice.below(given.count) : -1, isWoman: isWoman,
                    birth: CivilDay(year: year, month: month, day: day),
                    birthPrecision: precision == 0 ? 4 : precision == 1 ? 7 : 10, household: household,
                    contactSalt: 0, practitioner: practitioner, duplicateOf: -1, isMarried: member < 2 && members > 1))
        }
    }

    /// One in a hundred was registered before, under another number.
    private mutating func spreadDuplicates(dice: inout SeededDice) {
        for index in people.indices where index > 20 && dice.below(100) == 0 {
            let original = dice.below(index)
            guard people[original].duplicateOf < 0 else { continue }
            var copy = people[original]
            copy.duplicateOf = original
            copy.contactSalt = dice.next()
            people[index] = copy
        }
    }

    /// A number that is another for every (patient, purpose) and always the same.
    func number(_ index: Int, _ purpose: UInt64) -> UInt64 {
        Scramble.word(salt ^ purpose &* 0x9e37_79b9 &+ UInt64(index))
    }

    /// The number of the household's telephone and door.
    func contact(_ index: Int) -> UInt64 {
        let person = people[index]
        return Scramble.word(salt ^ 0x7461_6c6b ^ (UInt64(person.household) << 20) ^ person.contactSalt)
    }
}

/// Mixing of integers (the finaliser of splitmix64, a bijection) and permutations of small ranges.
enum Scramble {
    static func word(_ value: UInt64) -> UInt64 {
        var word = value &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// A permutation of 0 ..< 2^(2 * half): four rounds of a Feistel network.
    static func permuted(_ value: UInt64, halfBits half: UInt64, salt: UInt64) -> UInt64 {
        let mask = (UInt64(1) << half) - 1
        var left = (value >> half) & mask
        var right = value & mask
        for round in 0..<4 as Range<UInt64> {
            (left, right) = (right, left ^ (word(right ^ salt &+ round << 56) & mask))
        }
        return left << half | right
    }
}

extension SeededDice {
    /// Uniform in 0 ..< `count` (to one part in 2^64).
    /// - Precondition: `count` > 0.
    mutating func below(_ count: Int) -> Int {
        precondition(count > 0)
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(count)).high)
    }

    /// True `numerator` times out of `denominator`.
    mutating func chance(_ numerator: Int, in denominator: Int) -> Bool { below(denominator) < numerator }
}
