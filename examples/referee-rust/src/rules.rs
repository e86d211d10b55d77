//! The rules of chess, by cozy-chess; a move is written in one way only, and a game that the rules end has no further move.
use cozy_chess::{BitBoard, Board, Color, GameStatus, Move, Piece};

/// A game of this many plies is drawn, so that every game ends within what one answer can hold.
pub const PLIES_MAX: usize = 1024;

/// Where a game stands: the numbers of the verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    Illegal = 0,
    Ongoing = 1,
    Checkmate = 2,
    Stalemate = 3,
    Repetition = 4,
    FiftyMoves = 5,
    InsufficientMaterial = 6,
    LengthLimit = 7,
    Resignation = 8,
    AgreedDraw = 9,
    Takeback = 10,
}

/// A game played move by move. Draws by repetition, fifty moves and too little material end it unclaimed.
pub struct Play {
    board: Board,
    seen: Vec<Board>,
    pub state: State,
}

impl Play {
    pub fn new() -> Self {
        let board = Board::startpos();
        Self { seen: vec![board.clone()], board, state: State::Ongoing }
    }

    pub fn plies(&self) -> usize {
        self.seen.len() - 1
    }

    /// True if `san` is legal here and written exactly as standard algebraic notation has it, check and mate marks included.
    pub fn play(&mut self, san: &str) -> bool {
        let mut moves = Vec::new();
        self.board.generate_moves(|offered| {
            moves.extend(offered);
            false
        });
        let Some(&named) = moves.iter().find(|&&offered| notation(&self.board, offered, &moves) == san) else {
            return false;
        };
        self.board.play_unchecked(named);
        self.seen.push(self.board.clone());
        self.state = self.state_now();
        true
    }

    fn state_now(&self) -> State {
        let movable = self.board.generate_moves(|_| true);
        if !movable {
            return if self.board.checkers().is_empty() { State::Stalemate } else { State::Checkmate };
        }
        match () {
            () if self.times_seen() >= 3 => State::Repetition,
            () if self.board.halfmove_clock() >= 100 => State::FiftyMoves,
            () if insufficient_material(&self.board) => State::InsufficientMaterial,
            () if self.plies() == PLIES_MAX => State::LengthLimit,
            () => State::Ongoing,
        }
    }

    /// How often the position stood on the board, compared whole and not by a short hash.
    fn times_seen(&self) -> usize {
        self.seen.iter().filter(|earlier| earlier.same_position(&self.board)).count()
    }
}

/// Bare kings, one minor piece, or any number of bishops that all stand on one colour.
fn insufficient_material(board: &Board) -> bool {
    let pieces = board.occupied().len();
    let bishops = board.pieces(Piece::Bishop);
    let minor = bishops | board.pieces(Piece::Knight);
    let one_colour = bishops.is_subset(BitBoard::LIGHT_SQUARES) || bishops.is_subset(BitBoard::DARK_SQUARES);
    pieces == 2 || (pieces == 3 && minor.len() == 1) || (pieces == bishops.len() + 2 && one_colour)
}

/// `mv`, one of the legal `moves`, in standard algebraic notation.
fn notation(board: &Board, mv: Move, moves: &[Move]) -> String {
    let mut after = board.clone();
    after.play_unchecked(mv);
    let mark = match (after.checkers().is_empty(), after.status()) {
        (true, _) => "",
        (false, GameStatus::Won) => "#",
        (false, _) => "+",
    };
    format!("{}{mark}", unmarked(board, mv, moves))
}

fn unmarked(board: &Board, mv: Move, moves: &[Move]) -> String {
    let Some(piece) = board.piece_on(mv.from) else { return String::new() };
    // Castling is the king's move to its own rook.
    if board.color_on(mv.to) == Some(board.side_to_move()) {
        return if mv.to.file() > mv.from.file() { "O-O" } else { "O-O-O" }.to_owned();
    }
    let en_passant = piece == Piece::Pawn && mv.from.file() != mv.to.file();
    let takes = if en_passant || board.color_on(mv.to).is_some() { "x" } else { "" };
    let promotion = mv.promotion.map(|piece| format!("={}", letter(piece))).unwrap_or_default();
    let from = match piece {
        Piece::Pawn if takes.is_empty() => String::new(),
        Piece::Pawn => mv.from.file().to_string(),
        _ => format!("{}{}", letter(piece), disambiguator(board, piece, mv, moves)),
    };
    format!("{from}{takes}{}{promotion}", mv.to)
}

/// The file, else the rank, else the square that tells `mv` from moves of equal pieces to its square.
fn disambiguator(board: &Board, piece: Piece, mv: Move, moves: &[Move]) -> String {
    let rivals =
        || moves.iter().filter(move |m| m.to == mv.to && m.from != mv.from && board.piece_on(m.from) == Some(piece));
    let on_file = rivals().any(|rival| rival.from.file() == mv.from.file());
    let on_rank = rivals().any(|rival| rival.from.rank() == mv.from.rank());
    match (rivals().next().is_some(), on_file, on_rank) {
        (false, ..) => String::new(),
        (_, true, true) => mv.from.to_string(),
        (_, true, false) => mv.from.rank().to_string(),
        (_, false, _) => mv.from.file().to_string(),
    }
}

fn letter(piece: Piece) -> char {
    char::from(piece).to_ascii_uppercase()
}

/// The moves of a movetext such as `1. e4 e5 2. Nf3`, or `None` unless it has exactly this form.
pub fn moves_of(movetext: &str) -> Option<Vec<&str>> {
    if movetext.is_empty() {
        return Some(Vec::new());
    }
    let tokens: Vec<&str> = movetext.split(' ').collect();
    let mut moves = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if i % 3 != 0 {
            moves.push(*token);
        } else if *token != format!("{}.", i / 3 + 1) || i + 1 == tokens.len() {
            return None;
        }
    }
    Some(moves)
}

/// What ply number `ply` (from 1) adds to the movetext.
pub fn movetext_of(ply: usize, san: &str) -> String {
    match ply {
        1 => format!("1. {san}"),
        _ if ply % 2 == 0 => format!(" {san}"),
        _ => format!(" {}. {san}", ply.div_ceil(2)),
    }
}

/// Who moves at ply number `ply`, from 1.
pub fn mover_of(ply: usize) -> Color {
    if ply % 2 == 1 { Color::White } else { Color::Black }
}
