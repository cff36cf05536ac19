//! Cells as ModemManager writes them.

use std::collections::HashMap;

use belay_proto::wire::Cell;
use zbus::OwnedVariant;

use crate::platform::service::take;

/// Reads one cell of `GetCellInfo`; `None` where it doesn't say which one it is, as most neighbours don't.
pub(super) fn of_info(mut info: HashMap<String, OwnedVariant>) -> Option<(bool, Cell)> {
    // `MMCellType`.
    let technology = match take::<u32>(&mut info, "cell-type") {
        Some(1) => "cdma",
        Some(2) => "gsm",
        Some(3) => "umts",
        Some(4) => "tdscdma",
        Some(5) => "lte",
        Some(6) => "5gnr",
        _ => "unknown",
    };
    let is_serving = take(&mut info, "serving").unwrap_or(false);
    let operator: String = take(&mut info, "operator-id")?;
    let (mcc, mnc) = operator.split_at_checked(3)?;
    let mut hex = |name: &str| {
        let text: String = take(&mut info, name)?;
        u64::from_str_radix(&text, 16).ok()
    };
    let area = hex("tac").or_else(|| hex("lac"))?;
    let cell = hex("ci")?;
    let signal: Option<f64> = take(&mut info, "rsrp").or_else(|| take(&mut info, "rscp"));
    let cell = Cell {
        technology: technology.to_owned(),
        mcc: mcc.to_owned(),
        mnc: mnc.to_owned(),
        area,
        cell,
        // Rounded to what the type holds; what is no number becomes 0.
        signal: signal.map(|dbm| dbm.round() as i32),
    };
    is_network(&cell).then_some((is_serving, cell))
}

/// Reads the serving cell of `GetLocation`: `MCC,MNC,LAC,CI,TAC`, the last three in hex.
pub(super) fn of_location(text: &str) -> Option<Cell> {
    let parts: Vec<&str> = text.split(',').collect();
    let [mcc, mnc, lac, ci, tac] = parts.as_slice() else {
        return None;
    };
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    // 4G and 5G have tracking areas; a cell before them has 0 there.
    let area = hex(tac).filter(|area| *area != 0).or_else(|| hex(lac))?;
    let cell = Cell {
        technology: "3gpp".to_owned(),
        mcc: (*mcc).to_owned(),
        mnc: (*mnc).to_owned(),
        area,
        cell: hex(ci)?,
        signal: None,
    };
    is_network(&cell).then_some(cell)
}

fn is_network(cell: &Cell) -> bool {
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    cell.mcc.len() == 3 && is_digits(&cell.mcc) && (2..=3).contains(&cell.mnc.len()) && is_digits(&cell.mnc)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use zbus::{OwnedVariant, Variant};

    use super::{of_info, of_location};

    fn info(pairs: &[(&str, Variant<'static>)]) -> HashMap<String, OwnedVariant> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.try_to_owned().unwrap()));
        owned.collect()
    }

    #[test]
    fn a_serving_cell_is_read_with_its_area_and_signal() {
        let lte = [
            ("cell-type", 5_u32.into()),
            ("serving", true.into()),
            ("operator-id", "26201".into()),
            ("tac", "6FFE".into()),
            ("ci", "1CEAD8F0".into()),
            ("rsrp", (-97.4).into()),
        ];
        let (is_serving, cell) = of_info(info(&lte)).unwrap();
        assert!(is_serving);
        assert_eq!(
            (cell.technology.as_str(), cell.mcc.as_str(), cell.mnc.as_str()),
            ("lte", "262", "01")
        );
        assert_eq!(
            (cell.area, cell.cell, cell.signal),
            (0x6ffe, 0x1cea_d8f0, Some(-97))
        );
    }

    #[test]
    fn a_neighbour_without_a_name_is_passed_over() {
        assert!(of_info(info(&[("cell-type", 5_u32.into()), ("physical-ci", "1A".into())])).is_none());
        let odd = [
            ("operator-id", "äb".into()),
            ("tac", "1".into()),
            ("ci", "1".into()),
        ];
        assert!(of_info(info(&odd)).is_none(), "what isn't a network's number");
    }

    #[test]
    fn the_place_of_the_modem_names_its_cell() {
        let cell = of_location("262,01,84CD,1CEAD8F0,6FFE").unwrap();
        assert_eq!(
            (cell.mnc.as_str(), cell.area, cell.cell),
            ("01", 0x6ffe, 0x1cea_d8f0)
        );
        assert_eq!(of_location("310,410,84CD,12,000000").unwrap().area, 0x84cd);
        for wrong in ["", "262,01,84CD", "262,01,zz,1,0", "2620,01,1,1,1", "262,1,1,1,1"] {
            assert!(of_location(wrong).is_none(), "{wrong}");
        }
    }
}
