/// A people as a front desk meets it: names in their own script with the Latin spelling the desk uses, a language,
/// and the country most of them live or lived in.
///
/// Invariant: every list is non-empty and no text needs escaping in JSON.
struct Culture: Sendable {
    /// A name as written, and in Latin letters when that is another spelling.
    struct Name: Sendable {
        let written: [UInt8]
        let latin: [UInt8]?
    }

    /// BCP 47, as Patient.communication wants it.
    let language: [UInt8]
    let families: [Name]
    let women: [Name]
    let men: [Name]
    let country: Country

    /// Names are separated by spaces; `written|latin` gives both spellings; `_` stands for a space in a name.
    init(_ language: String, _ country: Country, families: String, women: String, men: String) {
        self.language = Array(language.utf8)
        self.country = country
        self.families = Self.names(families)
        self.women = Self.names(women)
        self.men = Self.names(men)
    }

    private static func names(_ list: String) -> [Name] {
        list.split(separator: " ").map { word in
            let spellings = word.split(separator: "|").map { $0.utf8.map { $0 == 0x5f ? 0x20 : $0 } }
            return Name(written: spellings[0], latin: spellings.count > 1 ? spellings[1] : nil)
        }
    }
}

/// How addresses and telephone numbers look in a country.
struct Country: Sendable {
    /// ISO 3166 alpha-2.
    let code: [UInt8]
    /// Country calling code with `+`, then the first digits of a mobile number.
    let phonePrefix: [UInt8]
    /// Digits after the prefix.
    let phoneDigits: Int
    let cities: [[UInt8]]
    let streets: [[UInt8]]
    /// Digits of a postal code.
    let postalDigits: Int
    /// The URI under which national identifiers are issued.
    let identifierSystem: [UInt8]

    init(
        _ code: String, phone: String, digits: Int, cities: String, streets: String, postal: Int, identifiers: String
    ) {
        self.code = Array(code.utf8)
        phonePrefix = Array(phone.utf8)
        phoneDigits = digits
        self.cities = Self.words(cities)
        self.streets = Self.words(streets)
        postalDigits = postal
        identifierSystem = Array(identifiers.utf8)
    }

    private static func words(_ list: String) -> [[UInt8]] {
        list.split(separator: " ").map { $0.utf8.map { $0 == 0x5f ? 0x20 : $0 } }
    }
}

extension Country {
    static let ireland = Country(
        "IE", phone: "+3538", digits: 8, cities: "Dublin Cork Galway Dún_Laoghaire",
        streets: "Main_Street O’Connell_Street Sráid_na_Siopaí Church_Road", postal: 5,
        identifiers: "https://www.hse.ie/ihi")
    static let france = Country(
        "FR", phone: "+336", digits: 8, cities: "Paris Besançon Orléans Saint-Étienne",
        streets: "rue_de_l’Église avenue_Jean-Jaurès rue_des_Fossés place_du_Marché", postal: 5,
        identifiers: "urn:oid:1.2.250.1.213.1.4.8")
    static let germany = Country(
        "DE", phone: "+4917", digits: 8, cities: "Berlin Köln München Görlitz",
        streets: "Hauptstraße Bahnhofstraße Königsallee Gänsemarkt", postal: 5,
        identifiers: "http://fhir.de/sid/gkv/kvid-10")
    static let poland = Country(
        "PL", phone: "+485", digits: 8, cities: "Warszawa Kraków Łódź Gdańsk",
        streets: "ulica_Kościuszki ulica_Długa aleja_Róż ulica_Święty_Marcin", postal: 5,
        identifiers: "urn:oid:2.16.840.1.113883.3.4424.1.1.616")
    static let turkey = Country(
        "TR", phone: "+905", digits: 9, cities: "İstanbul Ankara İzmir Muğla",
        streets: "Atatürk_Caddesi Gül_Sokağı Çınar_Sokağı İnönü_Bulvarı", postal: 5,
        identifiers: "https://www.nvi.gov.tr/tckn")
    static let vietnam = Country(
        "VN", phone: "+849", digits: 8, cities: "Hà_Nội Đà_Nẵng Huế Cần_Thơ",
        streets: "đường_Lê_Lợi phố_Huế đường_Trần_Phú đường_Nguyễn_Huệ", postal: 6,
        identifiers: "https://www.gov.vn/cccd")
    static let nigeria = Country(
        "NG", phone: "+23480", digits: 8, cities: "Lagos Ìbàdàn Abẹ́òkúta Òṣogbo",
        streets: "Broad_Street Allen_Avenue Àkóbọ̀_Road Market_Road", postal: 6,
        identifiers: "https://nimc.gov.ng/nin")
    static let spain = Country(
        "ES", phone: "+346", digits: 8, cities: "Málaga Cádiz Logroño A_Coruña",
        streets: "Calle_Mayor Calle_del_Águila Paseo_de_la_Peña Avenida_de_España", postal: 5,
        identifiers: "urn:oid:1.3.6.1.4.1.19126.3")
    static let ukraine = Country(
        "UA", phone: "+3805", digits: 8, cities: "Київ Львів Харків Чернівці",
        streets: "вулиця_Шевченка вулиця_Садова проспект_Перемоги вулиця_Франка", postal: 5,
        identifiers: "https://ehealth.gov.ua/drfo")
    static let greece = Country(
        "GR", phone: "+3069", digits: 8, cities: "Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο",
        streets: "οδός_Ερμού οδός_Αθηνάς λεωφόρος_Συγγρού οδός_Τσιμισκή", postal: 5,
        identifiers: "urn:oid:1.3.6.1.4.1.26580.1.1.7.1.1.1")
    static let egypt = Country(
        "EG", phone: "+201", digits: 9, cities: "القاهرة الإسكندرية أسوان طنطا",
        streets: "شارع_التحرير شارع_النيل شارع_الجمهورية شارع_المدرسة", postal: 5,
        identifiers: "https://moi.gov.eg/nid")
    static let israel = Country(
        "IL", phone: "+9725", digits: 8, cities: "ירושלים חיפה באר_שבע נתניה",
        streets: "רחוב_הרצל רחוב_ביאליק שדרות_רוטשילד רחוב_הגפן", postal: 7,
        identifiers: "http://fhir.health.gov.il/identifier/il-national-id")
    static let india = Country(
        "IN", phone: "+919", digits: 9, cities: "दिल्ली पुणे சென்னை மதுரை",
        streets: "Gandhi_Road गांधी_मार्ग அண்ணா_சாலை Temple_Street", postal: 6,
        identifiers: "https://healthid.abdm.gov.in")
    static let china = Country(
        "CN", phone: "+8613", digits: 9, cities: "北京市 上海市 成都市 杭州市",
        streets: "人民路 中山路 解放街 建设大道", postal: 6, identifiers: "urn:oid:2.16.156.10011.1.3")
    static let japan = Country(
        "JP", phone: "+8190", digits: 8, cities: "東京都千代田区 大阪市北区 京都市左京区 札幌市",
        streets: "本町 桜丘町 中央通り 緑が丘", postal: 7, identifiers: "urn:oid:1.2.392.100495.20.3.51")
    static let korea = Country(
        "KR", phone: "+8210", digits: 8, cities: "서울특별시 부산광역시 대구광역시 제주시",
        streets: "세종대로 중앙로 한강로 벚꽃길", postal: 5, identifiers: "https://www.mois.go.kr/rrn")
    static let thailand = Country(
        "TH", phone: "+668", digits: 8, cities: "กรุงเทพมหานคร เชียงใหม่ ขอนแก่น ภูเก็ต",
        streets: "ถนนสุขุมวิท ถนนพระราม ถนนห้วยแก้ว ถนนมิตรภาพ", postal: 5,
        identifiers: "https://www.dopa.go.th")
    static let ethiopia = Country(
        "ET", phone: "+2519", digits: 8, cities: "አዲስ_አበባ ባሕር_ዳር ጎንደር ሐዋሳ",
        streets: "ቦሌ_መንገድ ቸርችል_ጎዳና ፒያሳ መርካቶ", postal: 4, identifiers: "https://id.gov.et/fan")
}

extension Culture {
    /// Everybody who comes to the clinic; the first few are more frequent, see `ClinicGenerator`.
    static let all: [Culture] = [
        Culture(
            "en-IE", .ireland, families: "Murphy O’Brien Kelly Walsh Byrne Ryan Doyle McCarthy Fitzgerald Nolan",
            women: "Aoife Mary Siobhán Emma Gráinne Sarah Niamh Helen",
            men: "Seán John Patrick Oisín James Cillian Thomas"),
        Culture(
            "fr-FR", .france, families: "Lefèvre Béranger Dupont Garçon D’Hérouville Noël Châtelain Martin",
            women: "Élodie Zoé Françoise Chloé Anaïs Léa Hélène", men: "François Loïc Étienne Benoît Gaël René Jérôme"),
        Culture(
            "de-DE", .germany, families: "Müller Schäfer Weiß Größmann Jäger Köhler von_Bülow Schmidt",
            women: "Käthe Jürgine Bärbel Anna Ursula Heike Sophie", men: "Jürgen Günther Björn Hans-Jörg Lukas Paul"),
        Culture(
            "pl-PL", .poland, families: "Wiśniewska Łuczak Dąbrowski Żółkiewski Nowak Świątek Kaźmierczak",
            women: "Małgorzata Agnieszka Żaneta Łucja Zofia", men: "Łukasz Paweł Michał Świętosław Józef"),
        Culture(
            "tr-TR", .turkey, families: "Yılmaz Şahin Çelik Öztürk Kılıç Güneş Işık",
            women: "Ayşe İrem Gülşen Çiğdem Tuğba", men: "Mehmet Oğuz Çağlar İsmail Umut"),
        Culture(
            "vi-VN", .vietnam, families: "Nguyễn Trần Phạm Hoàng Vũ Đặng Bùi",
            women: "Thị_Hương Ngọc_Ánh Thuỳ_Linh Mai Phương", men: "Văn_Đức Quốc_Bảo Minh Hữu_Phước Tuấn"),
        Culture(
            "yo-NG", .nigeria, families: "Okafor Adéyẹmí Ọlátúnjí Ògúnbánjọ Akínṣọlá Ọbásanjọ́ Fáshọlá",
            women: "Adaeze Ọmọ́táyọ̀ Fúnmiláyọ̀ Títílọpẹ́ Ṣadé", men: "Babátúndé Olúwaṣeun Káyọ̀dé Ṣẹ́gun Chinedu"),
        Culture(
            "es-ES", .spain, families: "Núñez Ibáñez García_Peña Muñoz López_Agüero Fernández",
            women: "María_José Íñiga Begoña Inés Lucía", men: "José_Ángel Iñaki Ramón Andrés Martín"),
        Culture(
            "uk-UA", .ukraine,
            families: "Шевченко|Shevchenko Ковальчук|Kovalchuk Бондаренко|Bondarenko Їжакевич|Yizhakevych Ґудзь|Gudz",
            women: "Олена|Olena Наталія|Nataliia Євгенія|Yevheniia Оксана|Oksana",
            men: "Андрій|Andrii Юрій|Yurii Тарас|Taras Всеволод|Vsevolod"),
        Culture(
            "el-GR", .greece,
            families: "Παπαδοπούλου|Papadopoulou Οικονόμου|Oikonomou Βλάχος|Vlachos Γεωργίου|Georgiou",
            women: "Ελένη|Eleni Κατερίνα|Katerina Σοφία|Sofia", men: "Γιώργος|Giorgos Νίκος|Nikos Παναγιώτης|Panagiotis"
        ),
        Culture(
            "ar-EG", .egypt, families: "المصري|El-Masry عبد_الله|Abdullah حسن|Hassan السيد|El-Sayed منصور|Mansour",
            women: "فاطمة|Fatima نور|Nour مريم|Mariam سلمى|Salma",
            men: "محمد|Mohamed أحمد|Ahmed يوسف|Youssef خالد|Khaled"),
        Culture(
            "he-IL", .israel, families: "כהן|Cohen לוי|Levi מזרחי|Mizrahi פרץ|Peretz",
            women: "תמר|Tamar נועה|Noa רבקה|Rivka", men: "דוד|David יוסף|Yosef אורי|Uri"),
        Culture(
            "hi-IN", .india, families: "शर्मा|Sharma वर्मा|Verma गुप्ता|Gupta मिश्रा|Mishra",
            women: "प्रिया|Priya अनीता|Anita कविता|Kavita", men: "राजेश|Rajesh अर्जुन|Arjun संजय|Sanjay"),
        Culture(
            "ta-IN", .india, families: "முருகன்|Murugan சுப்பிரமணியன்|Subramanian கிருஷ்ணன்|Krishnan",
            women: "மீனாட்சி|Meenakshi லட்சுமி|Lakshmi கலைச்செல்வி|Kalaiselvi", men: "கார்த்திக்|Karthik செந்தில்|Senthil அருள்|Arul"),
        Culture(
            "zh-CN", .china, families: "王|Wang 李|Li 张|Zhang 欧阳|Ouyang 陈|Chen 刘|Liu",
            women: "秀英|Xiuying 丽华|Lihua 静|Jing 梓涵|Zihan", men: "伟|Wei 建国|Jianguo 浩然|Haoran 明|Ming"),
        Culture(
            "ja-JP", .japan, families: "佐藤|Sato 鈴木|Suzuki 髙橋|Takahashi 渡邊|Watanabe 山﨑|Yamazaki",
            women: "花子|Hanako さくら|Sakura 陽菜|Hina 美咲|Misaki", men: "太郎|Taro 健一|Kenichi 蓮|Ren 翔太|Shota"),
        Culture(
            "ko-KR", .korea, families: "김|Kim 이|Lee 박|Park 최|Choi 정|Jung",
            women: "서연|Seo-yeon 지우|Ji-woo 미경|Mi-kyung", men: "민준|Min-jun 영호|Young-ho 도윤|Do-yoon"),
        Culture(
            "th-TH", .thailand, families: "แสงสุวรรณ|Saengsuwan ใจดี|Jaidee ศรีสุข|Srisuk วงศ์ไทย|Wongthai",
            women: "สมหญิง|Somying กัลยา|Kanlaya น้ำฝน|Namfon", men: "สมชาย|Somchai ประเสริฐ|Prasert ธนา|Thana"),
        Culture(
            "am-ET", .ethiopia, families: "ተስፋዬ|Tesfaye በቀለ|Bekele ገብረማርያም|Gebremariam ኃይሉ|Hailu",
            women: "አበባ|Abeba ሰላማዊት|Selamawit ትዕግስት|Tigist", men: "ዳዊት|Dawit ሙሉጌታ|Mulugeta ዮሐንስ|Yohannes"),
    ]
}
