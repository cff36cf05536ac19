//! The scale by itself, without a bus.

use super::*;

const DATE: (u16, [u8; 5]) = (2022, [2, 14, 16, 41, 58]);

fn said(model: Model, frame: Frame) -> Vec<u8> {
    let mut scale = Scale::new(model, Address::public([1, 2, 3, 4, 5, 6]));
    scale.show(Some(frame));
    scale.advertisement().unwrap().service_data[0].1.clone()
}

#[test]
fn frames_are_those_of_real_scales() {
    let stable = Frame {
        raw: 12350,
        stable: true,
        date: DATE,
        ..Frame::default()
    };
    let expected = [0x22, 0x3e, 0x30, 0xe6, 0x07, 2, 14, 16, 41, 58];
    assert_eq!(said(Model::One, stable), expected);
    let composed = Frame {
        raw: 14065,
        unit: Unit::Pound,
        impedance: Some(503),
        ..stable
    };
    let expected = [0x03, 0x26, 0xe6, 0x07, 2, 14, 16, 41, 58, 0xf7, 0x01, 0xf1, 0x36];
    assert_eq!(said(Model::Two, composed), expected);
    let gone = Frame {
        removed: true,
        impedance: None,
        ..composed
    };
    let expected = [0x03, 0xa4, 0xe6, 0x07, 2, 14, 16, 41, 58, 0, 0, 0xf1, 0x36];
    assert_eq!(said(Model::Two, gone), expected);
}

#[test]
fn each_account_reads_what_it_has_not_read() {
    let mut scale = Scale::new(Model::One, Address::public([1, 2, 3, 4, 5, 6]));
    let over = |raw| Frame {
        raw,
        stable: true,
        removed: true,
        date: DATE,
        ..Frame::default()
    };
    for raw in [100, 200, 300] {
        scale.show(Some(over(raw)));
    }
    let mut read = |id: u8, acknowledge: bool| {
        let mut air = Air::at(std::time::Duration::ZERO);
        let commands: &[&[u8]] = match acknowledge {
            true => &[&[1, 0, 0, 0, id], &[2], &[3], &[4, 0, 0, 0, id]],
            false => &[&[1, 0, 0, 0, id], &[2], &[3]],
        };
        for command in commands {
            scale.on_write(HISTORY, command, &mut air).unwrap();
        }
        let lengths = air.notified().iter().map(|(_, value)| value.len());
        (air.notified()[0].1[1], lengths.collect::<Vec<_>>())
    };
    assert_eq!(read(7, false), (3, vec![5, 20, 10, 1]));
    assert_eq!(read(7, true), (3, vec![5, 20, 10, 1]));
    assert_eq!(read(7, true), (0, vec![5, 1]));
    assert_eq!(read(8, true), (3, vec![5, 20, 10, 1]));
}

#[test]
fn what_comes_during_a_transfer_is_read_the_next_time() {
    let mut scale = Scale::new(Model::Two, Address::public([1, 2, 3, 4, 5, 6]));
    scale.mtu = 64;
    let over = |raw| Frame {
        raw,
        stable: true,
        removed: true,
        date: DATE,
        ..Frame::default()
    };
    for raw in [100, 200, 300] {
        scale.show(Some(over(raw)));
    }
    let mut air = Air::at(std::time::Duration::ZERO);
    let mut said = |scale: &mut Scale, command: &[u8]| {
        let before = air.notified().len();
        scale.on_write(HISTORY, command, &mut air).unwrap();
        let new = air.notified()[before..].iter();
        new.map(|(_, value)| value.len()).collect::<Vec<_>>()
    };
    assert_eq!(said(&mut scale, &[1, 0, 0, 0, 7]), [5]);
    assert_eq!(
        said(&mut scale, &[2]),
        [26, 13, 1],
        "two at a time where they fit"
    );
    scale.show(Some(over(400)));
    said(&mut scale, &[3]);
    said(&mut scale, &[4, 0, 0, 0, 8]);
    assert_eq!(scale.wrong, 1, "another's place");
    said(&mut scale, &[1, 0, 0, 0, 7]);
    assert_eq!(said(&mut scale, &[2]), [26, 26, 1], "nothing was forgotten");
    said(&mut scale, &[4, 0, 0, 0, 7]);
    said(&mut scale, &[1, 0, 0, 0, 7]);
    assert_eq!(said(&mut scale, &[2]), [1]);
}
