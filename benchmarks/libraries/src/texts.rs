//! Invented sentences, as programs write them, in many languages: what detectors are asked about.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::fmt::Write as _;

/// A language, and some sentences of it that all of its encodings can write.
pub struct Language {
    pub name: &'static str,
    sentences: &'static [&'static str],
}

/// What a file consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sentence after sentence.
    Prose,
    /// One sentence a line, behind a time, a level, a thread and a class: most bytes are ASCII.
    Log,
    /// The first words of a sentence a line, behind a time and a level.
    Short,
}

const CLASSES: [&str; 4] = ["c.e.billing.InvoiceService", "o.a.h.hdfs.DataNode", "c.e.scheduler.JobTracker", "Main"];
const LEVELS: [&str; 4] = ["INFO", "INFO", "WARN", "ERROR"];

impl Language {
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        ALL.iter().find(|language| language.name == name).unwrap_or_else(|| panic!("no sentences in {name}"))
    }

    /// Lines of at least `bytes` bytes of UTF-8 or so many lines, another text for each seed.
    #[must_use]
    pub fn text(&self, kind: Kind, bytes: usize, lines: usize, seed: u64) -> String {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut text, mut line) = (String::new(), 0);
        while text.len() < bytes || line < lines {
            let sentence = self.sentences[rng.random_range(0..self.sentences.len())];
            let number = rng.random_range(1..100_000);
            match kind {
                Kind::Prose if rng.random_range(0..4) == 0 => writeln!(text, "{sentence} ({number})"),
                Kind::Prose => write!(text, "{sentence} "),
                Kind::Log => {
                    let (minute, second) = (line / 60 % 60, line % 60);
                    let level = LEVELS[rng.random_range(0..LEVELS.len())];
                    let class = CLASSES[rng.random_range(0..CLASSES.len())];
                    let thread = rng.random_range(0..64);
                    let head = format!("2026-11-22 10:{minute:02}:{second:02},{:03} {level:5}", number % 1000);
                    writeln!(text, "{head} [worker-{thread}] {class} - {sentence} id={number}")
                }
                Kind::Short => {
                    let words = sentence.split(['，', '。', '：']).find(|words| !words.is_empty()).unwrap_or(sentence);
                    let level = LEVELS[rng.random_range(0..LEVELS.len())];
                    writeln!(text, "10:{:02}:{:02} {level} {words} {number}", line / 60 % 60, line % 60)
                }
            }
            .expect("writing to memory does not fail");
            line += 1;
        }
        if kind == Kind::Prose {
            text.push('\n');
        }
        text
    }
}

/// Vietnamese as windows-1258 writes it: a vowel, and its tone behind it.
#[must_use]
pub fn tones_apart(text: &str) -> String {
    const VOWELS: &str = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY";
    const TONES: [(&str, char); 5] = [
        ("àằầèềìòồờùừỳÀẰẦÈỀÌÒỒỜÙỪỲ", '\u{300}'),
        ("áắấéếíóốớúứýÁẮẤÉẾÍÓỐỚÚỨÝ", '\u{301}'),
        ("ãẵẫẽễĩõỗỡũữỹÃẴẪẼỄĨÕỖỠŨỮỸ", '\u{303}'),
        ("ảẳẩẻểỉỏổởủửỷẢẲẨẺỂỈỎỔỞỦỬỶ", '\u{309}'),
        ("ạặậẹệịọộợụựỵẠẶẬẸỆỊỌỘỢỤỰỴ", '\u{323}'),
    ];
    let mut apart = String::new();
    for character in text.chars() {
        let toned = TONES.iter().find_map(|(with, tone)| Some((with.chars().position(|c| c == character)?, *tone)));
        match toned {
            Some((at, tone)) => apart.extend([VOWELS.chars().nth(at).expect("as many vowels"), tone]),
            None => apart.push(character),
        }
    }
    apart
}

/// Hebrew in visual order: each line from its end.
#[must_use]
pub fn visual(text: &str) -> String {
    text.split_inclusive('\n')
        .flat_map(|line| line.trim_end_matches('\n').chars().rev().chain(line.ends_with('\n').then_some('\n')))
        .collect()
}

pub static ALL: [Language; 29] = [
    Language {
        name: "German",
        sentences: &[
            "Der Dienst wurde nach der nächtlichen Wartung gestartet, und alle Knoten antworten wieder.",
            "Der Benutzer darf dieses Verzeichnis nicht lesen; bitte fragen Sie den zuständigen Verwalter.",
            "Für den Auftrag ist nicht genügend Speicher verfügbar, deshalb wartet er in der Schlange.",
            "Die Verbindung zur Datenbank ist abgerissen, der nächste Versuch folgt in wenigen Sekunden.",
            "Die Datei ließ sich nicht öffnen, weil ein anderer Prozess sie benützt.",
            "Zahlung bestätigt, der Kunde erhält die Rechnung heute; die Gebühr ist größer als üblich.",
            "Die Sicherung von gestern ist vollständig, es fehlt nichts.",
            "Warnung: Die Festplatte ist fast voll, ältere Protokolle werden gelöscht.",
        ],
    },
    Language {
        name: "French",
        sentences: &[
            "Le service a été démarré après la maintenance de la nuit, et tous les nœuds répondent à nouveau.",
            "L'utilisateur n'a pas le droit de lire ce répertoire ; adressez-vous à l'administrateur.",
            "La mémoire est insuffisante pour cette tâche, elle reste donc dans la file d'attente.",
            "La connexion à la base de données a été perdue, un nouvel essai aura lieu dans quelques secondes.",
            "Impossible d'ouvrir le fichier, car il est déjà utilisé par un autre programme.",
            "Paiement accepté, le client reçoit sa facture aujourd'hui même.",
            "La sauvegarde d'hier est complète, il ne manque rien à l'intérieur.",
            "Attention : le disque est bientôt plein, les anciens journaux seront supprimés.",
        ],
    },
    Language {
        name: "Spanish",
        sentences: &[
            "El servicio se inició después del mantenimiento nocturno y todos los nodos responden otra vez.",
            "El usuario no tiene permiso para leer esta carpeta; pídalo al administrador, por favor.",
            "No hay memoria suficiente para el trabajo, así que permanecerá en la cola más tiempo.",
            "Se perdió la conexión con la base de datos, el próximo intento será dentro de unos segundos.",
            "No se pudo abrir el archivo porque está en uso por otro proceso desde esta mañana.",
            "Pago aceptado: el cliente recibirá la factura hoy; ¿desea también una copia pequeña?",
            "La copia de seguridad de ayer está completa, no falta ningún dato.",
            "Aviso: el disco está casi lleno, se borrarán los registros de hace un año.",
        ],
    },
    Language {
        name: "Portuguese",
        sentences: &[
            "O serviço foi iniciado após a manutenção da noite e todos os nós voltaram a responder.",
            "O usuário não tem permissão para ler este diretório; fale com a administração.",
            "Não há memória suficiente para a tarefa, por isso ela continua na fila de espera.",
            "A conexão com o banco de dados caiu, a próxima tentativa será em alguns segundos.",
            "Não foi possível abrir o arquivo porque outra aplicação já o está usando.",
            "Pagamento aceito, o cliente receberá a fatura ainda amanhã de manhã.",
            "A cópia de segurança de ontem está completa, não faltam informações.",
            "Atenção: o disco está quase cheio, os registros antigos serão excluídos.",
        ],
    },
    Language {
        name: "Swedish",
        sentences: &[
            "Tjänsten startades efter nattens underhåll och alla noder svarar igen.",
            "Användaren får inte läsa den här katalogen; fråga den som är ansvarig.",
            "Minnet räcker inte för jobbet, därför väntar det i kön.",
            "Förbindelsen med databasen bröts, nästa försök görs om några sekunder.",
            "Filen gick inte att öppna eftersom ett annat program använder den.",
            "Betalningen är godkänd, kunden får fakturan i dag på kvällen.",
            "Gårdagens säkerhetskopia är fullständig, ingenting saknas.",
            "Varning: disken är nästan full, äldre loggar tas bort på måndag.",
        ],
    },
    Language {
        name: "Finnish",
        sentences: &[
            "Palvelu käynnistettiin yöllisen huollon jälkeen, ja kaikki solmut vastaavat jälleen.",
            "Käyttäjällä ei ole oikeutta lukea tätä hakemistoa; kysykää ylläpitäjältä.",
            "Työlle ei ole riittävästi muistia, joten se jää jonoon odottamaan.",
            "Yhteys tietokantaan katkesi, seuraava yritys tehdään muutaman sekunnin päästä.",
            "Tiedostoa ei voitu avata, koska toinen ohjelma käyttää sitä.",
            "Maksu hyväksytty, asiakas saa laskun vielä tänään sähköpostitse.",
            "Eilinen varmuuskopio on täydellinen, mitään ei puutu.",
            "Varoitus: levy on melkein täynnä, vanhimmat lokit hävitetään.",
        ],
    },
    Language {
        name: "Icelandic",
        sentences: &[
            "Þjónustan var ræst eftir viðhald næturinnar og allir hnútar svara á ný.",
            "Notandinn má ekki lesa þessa möppu; vinsamlegast talið við kerfisstjórann.",
            "Það er ekki nægilegt minni fyrir verkið, svo það bíður í röðinni.",
            "Tengingin við gagnagrunninn rofnaði, næsta tilraun verður eftir nokkrar sekúndur.",
            "Ekki tókst að opna skrána því annað forrit er að nota hana.",
            "Greiðslan var samþykkt, viðskiptavinurinn fær reikninginn í dag.",
            "Öryggisafritið frá því í gær er heilt, það vantar ekkert.",
            "Viðvörun: diskurinn er næstum fullur, gömlum skrám verður eytt.",
        ],
    },
    Language {
        name: "Polish",
        sentences: &[
            "Usługa została uruchomiona po nocnej konserwacji, wszystkie węzły znów odpowiadają.",
            "Użytkownik nie ma prawa czytać tego katalogu; proszę zwrócić się do administratora.",
            "Brakuje pamięci dla tego zadania, więc czeka ono w kolejce.",
            "Połączenie z bazą danych zostało przerwane, następna próba nastąpi za kilka sekund.",
            "Nie można otworzyć pliku, ponieważ używa go już inny proces.",
            "Płatność przyjęta, klient dziś jeszcze otrzyma fakturę pocztą.",
            "Wczorajsza kopia zapasowa jest pełna, niczego nie brakuje.",
            "Ostrzeżenie: dysk jest prawie pełny, starsze dzienniki zostaną usunięte.",
        ],
    },
    Language {
        name: "Czech",
        sentences: &[
            "Služba byla spuštěna po noční údržbě a všechny uzly opět odpovídají.",
            "Uživatel nemá právo číst tento adresář; obraťte se prosím na správce.",
            "Pro úlohu není dost paměti, proto čeká ve frontě na uvolnění.",
            "Spojení s databází bylo přerušeno, další pokus proběhne za několik sekund.",
            "Soubor nebylo možné otevřít, protože jej používá jiný proces.",
            "Platba byla přijata, zákazník dostane fakturu ještě dnes večer.",
            "Včerejší záloha je úplná, nic v ní nechybí.",
            "Varování: disk je téměř plný, starší záznamy budou smazány.",
        ],
    },
    Language {
        name: "Hungarian",
        sentences: &[
            "A szolgáltatás az éjszakai karbantartás után elindult, és minden csomópont újra válaszol.",
            "A felhasználónak nincs joga olvasni ezt a könyvtárat; kérjük, forduljon a rendszergazdához.",
            "Nincs elegendő memória a feladathoz, ezért a várakozási sorban marad.",
            "Megszakadt a kapcsolat az adatbázissal, a következő próbálkozás néhány másodperc múlva lesz.",
            "A fájlt nem lehetett megnyitni, mert egy másik folyamat már használja.",
            "A fizetés elfogadva, az ügyfél még ma megkapja a számlát.",
            "A tegnapi biztonsági mentés teljes, semmi sem hiányzik belőle.",
            "Figyelmeztetés: a lemez majdnem betelt, a régi naplók törlődnek; őrizze meg, amire szüksége van.",
        ],
    },
    Language {
        name: "Romanian",
        sentences: &[
            "Serviciul a fost pornit după întreținerea de noapte și toate nodurile răspund din nou.",
            "Utilizatorul nu are dreptul să citească acest director; adresați-vă administratorului.",
            "Memoria nu este suficientă pentru această sarcină, așa că ea rămâne în așteptare.",
            "Conexiunea cu baza de date s-a întrerupt, următoarea încercare va fi peste câteva secunde.",
            "Fișierul nu a putut fi deschis, pentru că îl folosește alt proces.",
            "Plata a fost acceptată, clientul primește factura astăzi.",
            "Copia de siguranță de ieri este completă, nu lipsește nimic.",
            "Atenție: discul este aproape plin, jurnalele vechi vor fi șterse.",
        ],
    },
    Language {
        name: "Turkish",
        sentences: &[
            "Hizmet gece bakımından sonra başlatıldı ve bütün düğümler yeniden yanıt veriyor.",
            "Kullanıcının bu klasörü okuma yetkisi yok; lütfen yöneticiye başvurun.",
            "Bu iş için yeterli bellek yok, bu yüzden kuyrukta bekliyor.",
            "Veritabanı bağlantısı koptu, bir sonraki deneme birkaç saniye içinde yapılacak.",
            "Dosya açılamadı, çünkü başka bir işlem onu kullanıyor.",
            "Ödeme onaylandı, müşteri faturayı bugün alacak.",
            "Dünkü yedekleme eksiksiz, hiçbir şey kaybolmadı.",
            "Uyarı: disk neredeyse dolu, eski günlük dosyaları silinecek.",
        ],
    },
    Language {
        name: "Esperanto",
        sentences: &[
            "La servo estis startigita post la nokta prizorgado, kaj ĉiuj nodoj denove respondas.",
            "La uzanto ne rajtas legi ĉi tiun dosierujon; bonvolu demandi la administranton.",
            "Ne estas sufiĉe da memoro por la tasko, do ĝi atendas en la vico.",
            "La konekto al la datumbazo rompiĝis, la sekva provo okazos post kelkaj sekundoj.",
            "La dosiero ne malfermiĝis, ĉar alia programo jam uzas ĝin.",
            "La pago estas akceptita, la kliento ricevos la fakturon ankoraŭ hodiaŭ.",
            "La hieraŭa sekurkopio estas kompleta, nenio mankas, laŭ la ĵurnalo de la servilo.",
            "Averto: la disko estas preskaŭ plena, malnovaj protokoloj estos forigitaj; ŝanĝu ĝin.",
        ],
    },
    Language {
        name: "Welsh",
        sentences: &[
            "Dechreuwyd y gwasanaeth ar ôl y gwaith cynnal, ac mae pob nôd yn ateb eto.",
            "Nid oes hawl gan y defnyddiwr i ddarllen y ffolder hwn; gofynnwch i'r gŵr sy'n gyfrifol.",
            "Nid oes digon o gof ar gyfer y dasg, felly mae'n aros yn y tŷ.",
            "Collwyd y cysylltiad â'r gronfa ddata, bydd y cynnig nesaf ymhen ychydig eiliadau.",
            "Derbyniwyd y tâl, caiff y cwsmer ei fil heddiw gyda'r llythyr.",
            "Rhybudd: mae'r ddisg bron yn llawn o ddŵr a sŵn, caiff hen gofnodion eu dileu.",
        ],
    },
    Language {
        name: "Lithuanian",
        sentences: &[
            "Paslauga paleista po naktinės priežiūros, ir visi mazgai vėl atsako.",
            "Naudotojas neturi teisės skaityti šio katalogo; kreipkitės į administratorių.",
            "Užduočiai nepakanka atminties, todėl ji laukia eilėje.",
            "Ryšys su duomenų baze nutrūko, kitas bandymas bus po kelių sekundžių.",
            "Failo nepavyko atverti, nes jį naudoja kitas procesas.",
            "Mokėjimas priimtas, klientas sąskaitą gaus dar šiandien.",
            "Vakarykštė atsarginė kopija yra išsami, nieko netrūksta.",
            "Įspėjimas: diskas beveik pilnas, senesni žurnalai bus ištrinti.",
        ],
    },
    Language {
        name: "Latvian",
        sentences: &[
            "Pakalpojums tika palaists pēc nakts apkopes, un visi mezgli atkal atbild.",
            "Lietotājam nav tiesību lasīt šo direktoriju; lūdzu, vērsieties pie pārvaldnieka.",
            "Uzdevumam nepietiek atmiņas, tāpēc tas gaida rindā.",
            "Savienojums ar datubāzi pārtrūka, nākamais mēģinājums būs pēc dažām sekundēm.",
            "Failu neizdevās atvērt, jo to jau izmanto cits process.",
            "Maksājums pieņemts, klients rēķinu saņems vēl šodien.",
            "Vakardienas rezerves kopija ir pilnīga, nekā netrūkst.",
            "Brīdinājums: disks ir gandrīz pilns, vecākie žurnāli tiks dzēsti.",
        ],
    },
    Language {
        name: "Estonian",
        sentences: &[
            "Teenus käivitati pärast öist hooldust ja kõik sõlmed vastavad jälle.",
            "Kasutajal pole õigust seda kausta lugeda; palun pöörduge ülema poole.",
            "Töö jaoks pole küllalt mälu, seepärast ootab see järjekorras.",
            "Ühendus andmebaasiga katkes, järgmine katse tehakse mõne sekundi pärast.",
            "Faili ei õnnestunud avada, sest teine protsess kasutab seda.",
            "Makse on vastu võetud, klient saab arve veel täna õhtul.",
            "Eilne varukoopia on täielik, midagi ei ole puudu.",
            "Hoiatus: ketas on peaaegu täis, vanemad logid kustutatakse ära.",
        ],
    },
    Language {
        name: "Russian",
        sentences: &[
            "Служба запущена после ночного обслуживания, все узлы снова отвечают.",
            "Пользователь не имеет права читать этот каталог; обратитесь к администратору.",
            "Для задания недостаточно памяти, поэтому оно ожидает в очереди.",
            "Соединение с базой данных потеряно, следующая попытка будет через несколько секунд.",
            "Не удалось открыть файл, потому что его использует другой процесс.",
            "Платёж принят, клиент получит счёт уже сегодня вечером.",
            "Вчерашняя резервная копия полна, ничего не пропало.",
            "Внимание: диск почти заполнен, старые журналы будут удалены.",
        ],
    },
    Language {
        name: "Ukrainian",
        sentences: &[
            "Службу запущено після нічного обслуговування, усі вузли знову відповідають.",
            "Користувач не має права читати цей каталог; зверніться до адміністратора.",
            "Для завдання недостатньо пам'яті, тому воно очікує в черзі.",
            "З'єднання з базою даних утрачено, наступна спроба буде за кілька секунд.",
            "Не вдалося відкрити файл, бо його використовує інший процес.",
            "Платіж прийнято, клієнт отримає рахунок ще сьогодні ввечері.",
            "Учорашня резервна копія повна, нічого не зникло, її перевірено.",
            "Увага: диск майже заповнений, старі журнали буде вилучено, є їхній архів.",
        ],
    },
    Language {
        name: "Bulgarian",
        sentences: &[
            "Услугата беше стартирана след нощната поддръжка и всички възли отново отговарят.",
            "Потребителят няма право да чете тази папка; моля, обърнете се към администратора.",
            "Няма достатъчно памет за задачата, затова тя чака на опашката.",
            "Връзката с базата данни се прекъсна, следващият опит ще бъде след няколко секунди.",
            "Файлът не можа да бъде отворен, защото друг процес го използва.",
            "Плащането е прието, клиентът ще получи фактурата още днес.",
            "Вчерашното резервно копие е пълно, нищо не липсва.",
            "Внимание: дискът е почти пълен, старите журнали ще бъдат изтрити.",
        ],
    },
    Language {
        name: "Greek",
        sentences: &[
            "Η υπηρεσία ξεκίνησε μετά τη νυχτερινή συντήρηση και όλοι οι κόμβοι απαντούν πάλι.",
            "Ο χρήστης δεν έχει δικαίωμα να διαβάσει αυτόν τον φάκελο, ρωτήστε τον διαχειριστή.",
            "Δεν υπάρχει αρκετή μνήμη για την εργασία, γι' αυτό περιμένει στην ουρά.",
            "Η σύνδεση με τη βάση δεδομένων χάθηκε, η επόμενη προσπάθεια θα γίνει σε λίγα δευτερόλεπτα.",
            "Το αρχείο δεν άνοιξε, επειδή το χρησιμοποιεί άλλη διεργασία.",
            "Η πληρωμή έγινε δεκτή, ο πελάτης θα λάβει το τιμολόγιο σήμερα.",
            "Το χθεσινό αντίγραφο ασφαλείας είναι πλήρες, δεν λείπει τίποτα.",
            "Προσοχή: ο δίσκος είναι σχεδόν γεμάτος, τα παλιά αρχεία θα διαγραφούν.",
        ],
    },
    Language {
        name: "Hebrew",
        sentences: &[
            "השירות הופעל לאחר תחזוקת הלילה, וכל השרתים עונים שוב.",
            "למשתמש אין הרשאה לקרוא את התיקייה הזאת; נא לפנות למנהל המערכת.",
            "אין מספיק זיכרון עבור המשימה, ולכן היא ממתינה בתור.",
            "החיבור למסד הנתונים נותק, הניסיון הבא יהיה בעוד כמה שניות.",
            "לא ניתן לפתוח את הקובץ כי תהליך אחר משתמש בו.",
            "התשלום התקבל, הלקוח יקבל את החשבונית עוד היום.",
            "הגיבוי של אתמול שלם, שום דבר לא חסר.",
            "אזהרה: הדיסק כמעט מלא, יומנים ישנים יימחקו.",
        ],
    },
    Language {
        name: "Arabic",
        sentences: &[
            "تم تشغيل الخدمة بعد صيانة الليل، وجميع العقد تستجيب من جديد.",
            "ليس للمستخدم حق قراءة هذا المجلد، يرجى الاتصال بالمدير.",
            "لا توجد ذاكرة كافية لهذه المهمة، لذلك تنتظر في الطابور.",
            "انقطع الاتصال بقاعدة البيانات، وستجري المحاولة التالية بعد ثوان قليلة.",
            "تعذر فتح الملف لأن برنامجا آخر يستعمله الآن.",
            "تم قبول الدفع، وسيتلقى العميل الفاتورة اليوم.",
            "النسخة الاحتياطية ليوم أمس كاملة، ولا ينقصها شيء.",
            "تحذير: القرص ممتلئ تقريبا، وسوف تحذف السجلات القديمة.",
        ],
    },
    Language {
        name: "Thai",
        sentences: &[
            "บริการเริ่มทำงานแล้วหลังการบำรุงรักษาตอนกลางคืน และทุกเครื่องตอบสนองอีกครั้ง",
            "ผู้ใช้ไม่มีสิทธิ์อ่านโฟลเดอร์นี้ โปรดติดต่อผู้ดูแลระบบ",
            "หน่วยความจำไม่เพียงพอสำหรับงานนี้ จึงต้องรออยู่ในคิว",
            "การเชื่อมต่อกับฐานข้อมูลขาดหาย จะลองใหม่ในอีกไม่กี่วินาที",
            "ไม่สามารถเปิดไฟล์ได้ เพราะโปรแกรมอื่นกำลังใช้งานอยู่",
            "รับชำระเงินแล้ว ลูกค้าจะได้รับใบแจ้งหนี้วันนี้",
            "ข้อมูลสำรองของเมื่อวานครบถ้วน ไม่มีสิ่งใดขาดหาย",
            "คำเตือน ดิสก์ใกล้เต็มแล้ว บันทึกเก่าจะถูกลบ",
        ],
    },
    Language {
        name: "Vietnamese",
        sentences: &[
            "Dịch vụ đã được khởi động sau khi bảo trì ban đêm, tất cả các nút đều trả lời.",
            "Người dùng không có quyền đọc thư mục này; xin hỏi người quản trị.",
            "Không đủ bộ nhớ cho công việc, vì vậy nó đang chờ trong hàng đợi.",
            "Mất kết nối với cơ sở dữ liệu, lần thử tiếp theo sau vài giây nữa.",
            "Không thể mở tệp vì một tiến trình khác đang sử dụng nó.",
            "Thanh toán được chấp nhận, khách hàng sẽ nhận hóa đơn hôm nay.",
            "Bản sao lưu hôm qua đầy đủ, không thiếu gì cả.",
            "Cảnh báo: đĩa gần đầy, các nhật ký cũ sẽ bị xóa.",
        ],
    },
    Language {
        name: "Chinese (simplified)",
        sentences: &[
            "夜间维护之后服务已经启动，所有节点恢复响应。",
            "用户没有权限读取这个目录，请联系管理员。",
            "内存不足，作业在队列中等待资源。",
            "与数据库的连接已断开，几秒钟后重试。",
            "无法打开文件，因为另一个进程正在使用它。",
            "支付成功，客户今天会收到发票。",
            "昨天的备份完整，没有任何遗漏。",
            "警告：磁盘空间即将用完，旧日志将被删除。",
        ],
    },
    Language {
        name: "Chinese (traditional)",
        sentences: &[
            "夜間維護之後服務已經啟動，所有節點恢復回應。",
            "使用者沒有權限讀取這個目錄，請聯絡管理員。",
            "記憶體不足，作業在佇列中等待資源。",
            "與資料庫的連線已中斷，幾秒鐘後重試。",
            "無法開啟檔案，因為另一個程序正在使用它。",
            "付款成功，客戶今天會收到發票。",
            "昨天的備份完整，沒有任何遺漏。",
            "警告：磁碟空間即將用完，舊的紀錄將被刪除。",
        ],
    },
    Language {
        name: "Japanese",
        sentences: &[
            "夜間の保守のあとサービスを起動しました。すべてのノードが応答しています。",
            "利用者にはこのフォルダーを読む権限がありません。管理者に連絡してください。",
            "メモリが足りないため、ジョブは待ち行列に入っています。",
            "データベースとの接続が切れました。数秒後に再試行します。",
            "別のプロセスが使用中のため、ファイルを開けませんでした。",
            "支払いを受け付けました。請求書は本日中に届きます。",
            "昨日のバックアップは完全で、欠けているものはありません。",
            "警告：ディスクの空きがほとんどありません。古いログを削除します。",
        ],
    },
    Language {
        name: "Korean",
        sentences: &[
            "야간 점검이 끝난 뒤 서비스를 시작했으며 모든 노드가 다시 응답합니다.",
            "사용자에게 이 폴더를 읽을 권한이 없습니다. 관리자에게 문의하십시오.",
            "작업에 필요한 메모리가 부족하여 대기열에서 기다리고 있습니다.",
            "데이터베이스와의 연결이 끊어졌습니다. 몇 초 뒤에 다시 시도합니다.",
            "다른 프로세스가 사용하고 있어서 파일을 열 수 없습니다.",
            "결제가 승인되었습니다. 고객은 오늘 청구서를 받습니다.",
            "어제의 백업은 완전하며 빠진 것이 없습니다.",
            "경고: 디스크가 거의 찼습니다. 오래된 로그를 삭제합니다.",
        ],
    },
];
