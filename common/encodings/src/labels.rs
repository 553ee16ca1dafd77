//! All encodings with their labels: those of the Encoding Standard as it has them, the others as IANA registers them,
//! with the names that people use beside.

use crate::iso2022::Shifts;
use crate::utf32::ByteOrder;
use crate::{Encoding, Kind, dos, ebcdic};

pub(crate) static ALL: [Encoding; 84] = [
    Encoding::new(
        "utf-8",
        Kind::Standard(encoding_rs::UTF_8),
        "utf8 unicode20utf8 unicode11utf8 x-unicode20utf8 unicode-1-1-utf-8",
    ),
    Encoding::new(
        "utf-16le",
        Kind::Standard(encoding_rs::UTF_16LE),
        "ucs-2 utf-16 unicode csunicode unicodefeff iso-10646-ucs-2",
    ),
    Encoding::new("utf-16be", Kind::Standard(encoding_rs::UTF_16BE), "unicodefffe"),
    Encoding::new(
        "utf-32le",
        Kind::Utf32(ByteOrder::Little),
        "utf-32 utf32 utf_32 utf32le ucs-4 iso-10646-ucs-4 csucs4 csutf32 csutf32le",
    ),
    Encoding::new("utf-32be", Kind::Utf32(ByteOrder::Big), "utf32be csutf32be"),
    Encoding::new("big5", Kind::Standard(encoding_rs::BIG5), "csbig5 cn-big5 x-x-big5 big5-hkscs"),
    Encoding::new("euc-jp", Kind::Standard(encoding_rs::EUC_JP), "x-euc-jp cseucpkdfmtjapanese"),
    Encoding::new(
        "euc-kr",
        Kind::Standard(encoding_rs::EUC_KR),
        "korean ksc5601 cseuckr ksc_5601 iso-ir-149 windows-949 csksc56011987 ks_c_5601-1987 ks_c_5601-1989",
    ),
    Encoding::new("gb18030", Kind::Standard(encoding_rs::GB18030), ""),
    Encoding::new(
        "gbk",
        Kind::Standard(encoding_rs::GBK),
        "x-gbk gb2312 gb_2312 chinese csgb2312 iso-ir-58 gb_2312-80 csiso58gb231280",
    ),
    Encoding::new("ibm866", Kind::Standard(encoding_rs::IBM866), "866 cp866 csibm866"),
    Encoding::new("iso-2022-jp", Kind::Standard(encoding_rs::ISO_2022_JP), "csiso2022jp"),
    Encoding::new(
        "iso-8859-2",
        Kind::Standard(encoding_rs::ISO_8859_2),
        "l2 latin2 iso88592 iso8859-2 iso-ir-101 iso_8859-2 csisolatin2 iso_8859-2:1987",
    ),
    Encoding::new(
        "iso-8859-3",
        Kind::Standard(encoding_rs::ISO_8859_3),
        "l3 latin3 iso88593 iso8859-3 iso_8859-3 iso-ir-109 csisolatin3 iso_8859-3:1988",
    ),
    Encoding::new(
        "iso-8859-4",
        Kind::Standard(encoding_rs::ISO_8859_4),
        "l4 latin4 iso88594 iso8859-4 iso-ir-110 iso_8859-4 csisolatin4 iso_8859-4:1988",
    ),
    Encoding::new(
        "iso-8859-5",
        Kind::Standard(encoding_rs::ISO_8859_5),
        "iso88595 cyrillic iso8859-5 iso-ir-144 iso_8859-5 iso_8859-5:1988 csisolatincyrillic",
    ),
    Encoding::new(
        "iso-8859-6",
        Kind::Standard(encoding_rs::ISO_8859_6),
        "arabic ecma-114 iso88596 asmo-708 iso8859-6 iso_8859-6 iso-ir-127 csiso88596e csiso88596i \
         iso-8859-6-e iso-8859-6-i iso_8859-6:1987 csisolatinarabic",
    ),
    Encoding::new(
        "iso-8859-7",
        Kind::Standard(encoding_rs::ISO_8859_7),
        "greek greek8 iso88597 ecma-118 elot_928 iso8859-7 iso-ir-126 iso_8859-7 sun_eu_greek iso_8859-7:1987 \
         csisolatingreek",
    ),
    Encoding::new(
        "iso-8859-8",
        Kind::Standard(encoding_rs::ISO_8859_8),
        "visual hebrew iso88598 iso8859-8 iso_8859-8 iso-ir-138 csiso88598e iso-8859-8-e iso_8859-8:1988 \
         csisolatinhebrew",
    ),
    Encoding::new("iso-8859-8-i", Kind::Standard(encoding_rs::ISO_8859_8_I), "logical csiso88598i"),
    Encoding::new(
        "iso-8859-10",
        Kind::Standard(encoding_rs::ISO_8859_10),
        "l6 latin6 iso885910 iso8859-10 iso-ir-157 csisolatin6",
    ),
    Encoding::new("iso-8859-13", Kind::Standard(encoding_rs::ISO_8859_13), "iso885913 iso8859-13"),
    Encoding::new("iso-8859-14", Kind::Standard(encoding_rs::ISO_8859_14), "iso885914 iso8859-14"),
    Encoding::new(
        "iso-8859-15",
        Kind::Standard(encoding_rs::ISO_8859_15),
        "l9 iso885915 iso8859-15 iso_8859-15 csisolatin9",
    ),
    Encoding::new("iso-8859-16", Kind::Standard(encoding_rs::ISO_8859_16), ""),
    Encoding::new("koi8-r", Kind::Standard(encoding_rs::KOI8_R), "koi koi8 koi8_r cskoi8r"),
    Encoding::new("koi8-u", Kind::Standard(encoding_rs::KOI8_U), "koi8-ru"),
    Encoding::new("macintosh", Kind::Standard(encoding_rs::MACINTOSH), "mac csmacintosh x-mac-roman"),
    Encoding::new(
        "shift_jis",
        Kind::Standard(encoding_rs::SHIFT_JIS),
        "sjis ms932 x-sjis ms_kanji shift-jis csshiftjis windows-31j",
    ),
    Encoding::new(
        "windows-874",
        Kind::Standard(encoding_rs::WINDOWS_874),
        "tis-620 dos-874 iso885911 iso8859-11 iso-8859-11 cp874 874",
    ),
    Encoding::new("windows-1250", Kind::Standard(encoding_rs::WINDOWS_1250), "cp1250 x-cp1250"),
    Encoding::new("windows-1251", Kind::Standard(encoding_rs::WINDOWS_1251), "cp1251 x-cp1251"),
    Encoding::new(
        "windows-1252",
        Kind::Standard(encoding_rs::WINDOWS_1252),
        "l1 cp819 ascii latin1 cp1252 ibm819 iso88591 x-cp1252 us-ascii iso8859-1 iso-ir-100 iso-8859-1 \
         iso_8859-1 csisolatin1 ansi_x3.4-1968 iso_8859-1:1987",
    ),
    Encoding::new("windows-1253", Kind::Standard(encoding_rs::WINDOWS_1253), "cp1253 x-cp1253"),
    Encoding::new(
        "windows-1254",
        Kind::Standard(encoding_rs::WINDOWS_1254),
        "l5 cp1254 latin5 x-cp1254 iso88599 iso8859-9 iso-ir-148 iso-8859-9 iso_8859-9 csisolatin5 \
         iso_8859-9:1989",
    ),
    Encoding::new("windows-1255", Kind::Standard(encoding_rs::WINDOWS_1255), "cp1255 x-cp1255"),
    Encoding::new("windows-1256", Kind::Standard(encoding_rs::WINDOWS_1256), "cp1256 x-cp1256"),
    Encoding::new("windows-1257", Kind::Standard(encoding_rs::WINDOWS_1257), "cp1257 x-cp1257"),
    Encoding::new("windows-1258", Kind::Standard(encoding_rs::WINDOWS_1258), "cp1258 x-cp1258"),
    Encoding::new("x-mac-cyrillic", Kind::Standard(encoding_rs::X_MAC_CYRILLIC), ""),
    Encoding::new("x-user-defined", Kind::Standard(encoding_rs::X_USER_DEFINED), ""),
    Encoding::new("iso-2022-kr", Kind::Iso2022(Shifts::Korean), "csiso2022kr"),
    Encoding::new("iso-2022-cn", Kind::Iso2022(Shifts::Chinese), "csiso2022cn iso-2022-cn-ext csiso2022cnext"),
    Encoding::new(
        "ibm037",
        Kind::Ebcdic(&ebcdic::IBM037),
        "cp037 037 ibm-037 csibm037 cp37 ibm37 ebcdic-cp-us ebcdic-cp-ca ebcdic-cp-wt ebcdic-cp-nl",
    ),
    Encoding::new("ibm273", Kind::Ebcdic(&ebcdic::IBM273), "cp273 273 ibm-273 csibm273"),
    Encoding::new("ibm277", Kind::Ebcdic(&ebcdic::IBM277), "cp277 277 ibm-277 csibm277 ebcdic-cp-dk ebcdic-cp-no"),
    Encoding::new("ibm278", Kind::Ebcdic(&ebcdic::IBM278), "cp278 278 ibm-278 csibm278 ebcdic-cp-fi ebcdic-cp-se"),
    Encoding::new("ibm280", Kind::Ebcdic(&ebcdic::IBM280), "cp280 280 ibm-280 csibm280 ebcdic-cp-it"),
    Encoding::new("ibm284", Kind::Ebcdic(&ebcdic::IBM284), "cp284 284 ibm-284 csibm284 ebcdic-cp-es"),
    Encoding::new("ibm285", Kind::Ebcdic(&ebcdic::IBM285), "cp285 285 ibm-285 csibm285 ebcdic-cp-gb"),
    Encoding::new("ibm297", Kind::Ebcdic(&ebcdic::IBM297), "cp297 297 ibm-297 csibm297 ebcdic-cp-fr"),
    Encoding::new("ibm424", Kind::Ebcdic(&ebcdic::IBM424), "cp424 424 ibm-424 csibm424 ebcdic-cp-he"),
    Encoding::new("ibm500", Kind::Ebcdic(&ebcdic::IBM500), "cp500 500 ibm-500 csibm500 ebcdic-cp-be ebcdic-cp-ch"),
    Encoding::new("ibm870", Kind::Ebcdic(&ebcdic::IBM870), "cp870 870 ibm-870 csibm870 ebcdic-cp-roece ebcdic-cp-yu"),
    Encoding::new("ibm871", Kind::Ebcdic(&ebcdic::IBM871), "cp871 871 ibm-871 csibm871 ebcdic-cp-is"),
    Encoding::new("ibm875", Kind::Ebcdic(&ebcdic::IBM875), "cp875 875 ibm-875 csibm875"),
    Encoding::new("ibm1026", Kind::Ebcdic(&ebcdic::IBM1026), "cp1026 1026 ibm-1026 csibm1026"),
    Encoding::new("ibm1047", Kind::Ebcdic(&ebcdic::IBM1047), "cp1047 1047 ibm-1047 csibm1047"),
    Encoding::new(
        "ibm1140",
        Kind::Ebcdic(&ebcdic::IBM1140),
        "cp1140 1140 ibm-1140 csibm1140 cp01140 ibm01140 ccsid01140 csibm01140 ebcdic-us-37+euro",
    ),
    Encoding::new(
        "ibm1141",
        Kind::Ebcdic(&ebcdic::IBM1141),
        "cp1141 1141 ibm-1141 csibm1141 cp01141 ibm01141 ccsid01141 csibm01141 ebcdic-de-273+euro",
    ),
    Encoding::new(
        "ibm1142",
        Kind::Ebcdic(&ebcdic::IBM1142),
        "cp1142 1142 ibm-1142 csibm1142 cp01142 ibm01142 ccsid01142 csibm01142 ebcdic-dk-277+euro \
         ebcdic-no-277+euro",
    ),
    Encoding::new(
        "ibm1143",
        Kind::Ebcdic(&ebcdic::IBM1143),
        "cp1143 1143 ibm-1143 csibm1143 cp01143 ibm01143 ccsid01143 csibm01143 ebcdic-fi-278+euro \
         ebcdic-se-278+euro",
    ),
    Encoding::new(
        "ibm1144",
        Kind::Ebcdic(&ebcdic::IBM1144),
        "cp1144 1144 ibm-1144 csibm1144 cp01144 ibm01144 ccsid01144 csibm01144 ebcdic-it-280+euro",
    ),
    Encoding::new(
        "ibm1145",
        Kind::Ebcdic(&ebcdic::IBM1145),
        "cp1145 1145 ibm-1145 csibm1145 cp01145 ibm01145 ccsid01145 csibm01145 ebcdic-es-284+euro",
    ),
    Encoding::new(
        "ibm1146",
        Kind::Ebcdic(&ebcdic::IBM1146),
        "cp1146 1146 ibm-1146 csibm1146 cp01146 ibm01146 ccsid01146 csibm01146 ebcdic-gb-285+euro",
    ),
    Encoding::new(
        "ibm1147",
        Kind::Ebcdic(&ebcdic::IBM1147),
        "cp1147 1147 ibm-1147 csibm1147 cp01147 ibm01147 ccsid01147 csibm01147 ebcdic-fr-297+euro",
    ),
    Encoding::new(
        "ibm1148",
        Kind::Ebcdic(&ebcdic::IBM1148),
        "cp1148 1148 ibm-1148 csibm1148 cp01148 ibm01148 ccsid01148 csibm01148 ebcdic-international-500+euro",
    ),
    Encoding::new(
        "ibm1149",
        Kind::Ebcdic(&ebcdic::IBM1149),
        "cp1149 1149 ibm-1149 csibm1149 cp01149 ibm01149 ccsid01149 csibm01149 ebcdic-is-871+euro",
    ),
    Encoding::new("ibm437", Kind::Dos(&dos::IBM437), "cp437 437 ibm-437 csibm437 cspc8codepage437"),
    Encoding::new("ibm720", Kind::Dos(&dos::IBM720), "cp720 720 ibm-720 csibm720"),
    Encoding::new("ibm737", Kind::Dos(&dos::IBM737), "cp737 737 ibm-737 csibm737"),
    Encoding::new("ibm775", Kind::Dos(&dos::IBM775), "cp775 775 ibm-775 csibm775"),
    Encoding::new("ibm850", Kind::Dos(&dos::IBM850), "cp850 850 ibm-850 csibm850 cspc850multilingual"),
    Encoding::new("ibm852", Kind::Dos(&dos::IBM852), "cp852 852 ibm-852 csibm852 cspcp852"),
    Encoding::new("ibm855", Kind::Dos(&dos::IBM855), "cp855 855 ibm-855 csibm855"),
    Encoding::new("ibm857", Kind::Dos(&dos::IBM857), "cp857 857 ibm-857 csibm857"),
    Encoding::new(
        "ibm858",
        Kind::Dos(&dos::IBM858),
        "cp858 858 ibm-858 csibm858 cp00858 ibm00858 ccsid00858 csibm00858 pc-multilingual-850+euro",
    ),
    Encoding::new("ibm860", Kind::Dos(&dos::IBM860), "cp860 860 ibm-860 csibm860"),
    Encoding::new("ibm861", Kind::Dos(&dos::IBM861), "cp861 861 ibm-861 csibm861 cp-is"),
    Encoding::new("ibm862", Kind::Dos(&dos::IBM862), "cp862 862 ibm-862 csibm862 cspc862latinhebrew"),
    Encoding::new("ibm863", Kind::Dos(&dos::IBM863), "cp863 863 ibm-863 csibm863"),
    Encoding::new("ibm864", Kind::Dos(&dos::IBM864), "cp864 864 ibm-864 csibm864"),
    Encoding::new("ibm865", Kind::Dos(&dos::IBM865), "cp865 865 ibm-865 csibm865"),
    Encoding::new("ibm869", Kind::Dos(&dos::IBM869), "cp869 869 ibm-869 csibm869 cp-gr"),
];
