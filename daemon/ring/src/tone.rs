//! The alarm: two tones that alternate, where small loudspeakers are loudest and ears most sensitive (2 to 3 kHz), with
//! a rest each second, so that it isn't taken for a hum and stands out of a noise.

use std::f64::consts::TAU;

/// Frames a second.
pub const RATE: u32 = 48_000;
/// Samples a frame, all the same.
pub const CHANNELS: u32 = 2;
/// Bytes a frame: a sample is a signed 16 bit number, the low byte first.
pub const FRAME: usize = CHANNELS as usize * 2;
/// The two tones, in Hz.
pub const TONES: [u32; 2] = [2_000, 2_600];
/// Frames of a tone: 125 ms, a whole number of both tones' periods. So each begins and ends at zero, without a click.
pub const NOTE: u32 = RATE / 8;
/// Tones in a second; the rest of it is silent.
pub const NOTES: u32 = 6;

/// Of full scale.
const PEAK: f64 = 0.95;
/// So much of the third harmonic leaves room for a seventh more of the tone itself below the same peak.
const THIRD: f64 = 1.0 / 6.0;
/// The peak of a sine with that harmonic: sin 60°.
const WITH_THIRD: f64 = 0.866_025_403_784_438_6;

/// One second of it, to be played again and again.
#[must_use]
pub fn second() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RATE as usize * FRAME);
    for note in 0..RATE / NOTE {
        let tone = if note < NOTES {
            TONES[(note % 2) as usize]
        } else {
            0
        };
        for frame in 0..NOTE {
            let sample = sample(tone, frame).to_le_bytes();
            for _ in 0..CHANNELS {
                bytes.extend_from_slice(&sample);
            }
        }
    }
    bytes
}

fn sample(tone: u32, frame: u32) -> i16 {
    let phase = TAU * f64::from(tone) * f64::from(frame) / f64::from(RATE);
    let wave = (phase.sin() + THIRD * (3.0 * phase).sin()) / WITH_THIRD;
    // Within the range, by the peak.
    (wave * PEAK * f64::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<i16> {
        let frames = second()
            .chunks_exact(FRAME)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>();
        let channel = |frame: &[u8], at: usize| i16::from_le_bytes([frame[at], frame[at + 1]]);
        frames
            .iter()
            .map(|frame| {
                assert_eq!(channel(frame, 0), channel(frame, 2), "the same on both sides");
                channel(frame, 0)
            })
            .collect()
    }

    /// How strong `hz` is in a tone, of full scale (Goertzel's algorithm).
    fn strength(samples: &[i16], hz: u32) -> f64 {
        let turn = 2.0 * (TAU * f64::from(hz) / f64::from(RATE)).cos();
        let (mut one, mut two) = (0.0, 0.0);
        for sample in samples {
            (one, two) = (f64::from(*sample) / f64::from(i16::MAX) + turn * one - two, one);
        }
        2.0 * (one * one + two * two - turn * one * two).sqrt() / samples.len() as f64
    }

    #[test]
    fn it_is_loud_at_its_two_frequencies_and_rests_each_second() {
        let all = samples();
        assert_eq!(all.len(), RATE as usize);
        for (number, note) in all.chunks_exact(NOTE as usize).enumerate() {
            let strong = TONES.map(|hz| strength(note, hz) > 0.9);
            let expected = match number {
                0..6 => [number % 2 == 0, number % 2 == 1],
                _ => [false, false],
            };
            assert_eq!(strong, expected, "{number}");
            assert_eq!(note.iter().all(|sample| *sample == 0), number >= 6, "{number}");
        }
    }

    #[test]
    fn it_isn_t_cut_off_and_doesn_t_click() {
        let all = samples();
        let peak = all.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((30_000..=31_200).contains(&peak), "{peak}");
        // Where one tone follows another, and at the rests, no step is larger than those within the tones.
        let step = |pair: &[i16]| (i32::from(pair[0]) - i32::from(pair[1])).abs();
        let largest = all[..NOTES as usize * NOTE as usize - 1]
            .chunks_exact(NOTE as usize)
            .flat_map(|note| note.windows(2).map(step))
            .max()
            .unwrap();
        assert!(all.windows(2).map(step).max().unwrap() <= largest);
    }
}
